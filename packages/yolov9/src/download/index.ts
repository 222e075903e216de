/** Published files of weights, fetched to the user's cache. */
export {
  downloadWeights,
  nearestPublished,
  publishedName,
  type DownloadedFile,
  type DownloadOptions,
} from "./download-weights.js";
export { DownloadError } from "./fetch-file.js";
export { PUBLISHED_FILES, type PublishedFile } from "./published-files.js";
