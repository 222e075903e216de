/** Classes that a model, a data set or a file of weights may have. The largest public detection sets have some thousand. */
export const MOST_CLASSES = 50_000;
