// PyTorch's files, read without executing them.
export { readTorchFile, type TorchFile } from "./read-torch-file.js";
export { TorchFileError } from "./pickle-values.js";
