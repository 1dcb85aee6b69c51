// What the TypeScript wrapper uses of onnxruntime-web.
export class Tensor {
  constructor(type: "float32", data: Float32Array, dims: readonly number[]);
  readonly data: Float32Array | Int32Array;
}
export namespace InferenceSession {
  interface SessionOptions { executionProviders?: readonly string[] }
  function create(uri: string, options?: SessionOptions): Promise<InferenceSession>;
  function create(bytes: Uint8Array, options?: SessionOptions): Promise<InferenceSession>;
}
export interface InferenceSession {
  run(feeds: { readonly [name: string]: Tensor }): Promise<{ readonly [name: string]: Tensor }>;
  release(): Promise<void>;
}
