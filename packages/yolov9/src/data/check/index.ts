// Looking
export { checkDataset, isAtLeast, type CheckOptions, type CheckResult } from "./check-dataset.js";
export { FINDING_KINDS, groupFindings, type Finding, type FindingKind, type Severity } from "./findings.js";
export type { Statistics } from "./statistics.js";

// Showing
export { checkJson, checkText } from "./check-text.js";
export { checkReport } from "./report.js";

// Repairing
export { planRepairs, writeRepairs, type FileRepair } from "./repair.js";
