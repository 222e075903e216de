/** The strengths of augmentation; the schema is the configuration's. */

export { AugmentConfig, defaultAugment } from "../../config/augmentation-fields.js";
