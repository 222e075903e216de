/** A PyTorch file (`.pt`, `.pth`) as tensors by name, without executing anything in it. */
import { bytesPerElement, callOperator, from_file, scope, type Tensor } from "@yolov9/torch";
import { openTorchArchive, type TorchArchive } from "./archive.js";
import { checkpointContents, type CheckpointContents } from "./checkpoint-contents.js";
import { readPickle } from "./pickle-machine.js";
import { TorchFileError, type TensorReference } from "./pickle-values.js";

export interface TorchFile extends Omit<CheckpointContents, "tensors"> {
  /** Copy-on-write views of the mapped file, in the file's element types. The caller disposes of them. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** @throws TorchFileError naming the file and what is wrong with it */
export async function readTorchFile(path: string): Promise<TorchFile> {
  try {
    const archive = await openTorchArchive(path);
    const { tensors, ...contents } = checkpointContents(readPickle(archive.pickle));
    return { ...contents, tensors: mapTensors(archive, tensors) };
  } catch (error) {
    if (error instanceof TorchFileError) throw new TorchFileError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

function mapTensors(
  archive: TorchArchive,
  references: ReadonlyMap<string, TensorReference>,
): ReadonlyMap<string, Tensor> {
  for (const [name, reference] of references) refuseShortStorage(archive, name, reference);
  return scope(() => {
    const file = from_file(archive.path, false, archive.fileBytes, { dtype: "uint8" });
    const records = new Map<string, Tensor>();
    const recordOf = (key: string): Tensor => {
      const known = records.get(key);
      if (known !== undefined) return known;
      const { start, length } = archive.storages.get(key)!;
      const bytes = file.slice(0, start, start + length);
      // A record may lie where numbers cannot be read. It is copied once, however many tensors lie in it.
      const record = start % WIDEST_ELEMENT === 0 ? bytes : bytes.clone();
      records.set(key, record);
      return record;
    };
    return new Map([...references].map(([name, reference]) => [name, tensorOf(recordOf, reference)]));
  });
}

const WIDEST_ELEMENT = Math.max(...Object.values(bytesPerElement));

function refuseShortStorage({ storages }: TorchArchive, name: string, { storage }: TensorReference): void {
  const range = storages.get(storage.key);
  const wanted = storage.length * bytesPerElement[storage.dtype];
  if (range === undefined) throw new TorchFileError(`"${name}" lies in storage "${storage.key}", which is missing`);
  if (range.length < wanted) {
    throw new TorchFileError(
      `"${name}" lies in storage "${storage.key}" of ${wanted} bytes, but the file has ${range.length} of them`,
    );
  }
}

/** @param recordOf the aligned bytes of a storage */
function tensorOf(recordOf: (key: string) => Tensor, { storage, offset, shape, strides }: TensorReference): Tensor {
  const elements = recordOf(storage.key)
    .slice(0, 0, storage.length * bytesPerElement[storage.dtype])
    .view(storage.dtype);
  const window = elements.slice(0, offset);
  return callOperator("aten::as_strided", "", [window, shape, strides, undefined]) as Tensor;
}
