/**
 * Registers the blocks that come with the project. Importing this file is enough to make them known.
 */
import { bottleneckDefinitions } from "./bottleneck.js";
import { cbFuseDefinition, cbLinearDefinition } from "./composite-backbone.js";
import { convDefinition } from "./conv.js";
import { depthwiseConvDefinition } from "./depthwise-conv.js";
import { detectDefinitions } from "./detect.js";
import { aconvDefinition, adownDefinition } from "./downsample.js";
import { elan1Definition } from "./elan1.js";
import { gelanDefinition } from "./gelan.js";
import { maxPoolDefinition } from "./max-pool.js";
import { registerBlock, registerHead, registerMultiBlock } from "./registry.js";
import { repConvDefinition } from "./rep-conv.js";
import { repCspDefinition } from "./rep-csp.js";
import { reversibleColumnsDefinition } from "./reversible-columns.js";
import { concatDefinition, upsampleDefinition } from "./routing.js";
import { repeatDefinition } from "./repeat.js";
import { sppcspcDefinition } from "./sppcspc.js";
import { sppelanDefinition } from "./sppelan.js";

registerBlock(convDefinition);
registerBlock(depthwiseConvDefinition);
registerBlock(repConvDefinition);
for (const definition of bottleneckDefinitions) registerBlock(definition);
registerBlock(repCspDefinition);
registerBlock(gelanDefinition);
registerBlock(elan1Definition);
registerBlock(sppelanDefinition);
registerBlock(sppcspcDefinition);
registerBlock(maxPoolDefinition);
registerBlock(repeatDefinition);
registerBlock(aconvDefinition);
registerBlock(adownDefinition);
registerBlock(upsampleDefinition);
registerBlock(concatDefinition);
registerBlock(cbLinearDefinition);
registerBlock(cbFuseDefinition);
registerMultiBlock(reversibleColumnsDefinition);
for (const definition of detectDefinitions) registerHead(definition);
