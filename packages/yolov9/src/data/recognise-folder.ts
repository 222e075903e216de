/**
 * How a folder is read that no file describes: each format looks at the folder's tree and proposes a description, and the one that has
 * labels for most pictures is taken. What no format can read is answered with what was seen.
 */

import type { Description } from "./description.js";
import { FileAccess } from "./file-access.js";
import { surveyFolder } from "./folder-survey.js";
import type { DatasetFormat, Proposal } from "./formats/format.js";
import { formatNamed, formats } from "./formats/registry.js";
import { DatasetError } from "./sample.js";
import { seenText, yamlToFill } from "./seen-text.js";

/** What is known of a folder before it is looked at. */
export interface Known {
  readonly source: string;
  readonly root: string;
  /** Where only one comes into question. */
  readonly format?: string;
}

/**
 * The format of a folder, and its description in it.
 * @throws DatasetError when no format can read it, with what was seen and a YAML file to fill in
 */
export async function recogniseFolder({
  source,
  root,
  format,
}: Known): Promise<{ format: string; description: Description }> {
  const survey = await surveyFolder(root);
  const files = new FileAccess();
  const proposals: { format: DatasetFormat; proposal: Proposal }[] = [];
  for (const candidate of format === undefined ? formats : [formatNamed(format)]) {
    const proposal = await candidate.propose(survey, files);
    if (proposal) proposals.push({ format: candidate, proposal });
  }
  const [first] = proposals;
  if (!first) {
    const wanted = format === undefined ? "no known dataset layout" : `no ${format} data set`;
    throw new DatasetError(`${source}: ${wanted}.\n${seenText(survey)}\n${yamlToFill(survey)}`);
  }
  const best = proposals.reduce((a, b) => (b.proposal.pictures > a.proposal.pictures ? b : a), first);
  return { format: best.format.name, description: { source, root, ...best.proposal.description } };
}
