import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { openDataset } from "../dataset.js";
import { problemText } from "../sample.js";
import { makeJpeg, testFolder } from "../testing/folders.js";
import { csvLine, parseCsv } from "./csv-text.js";

describe("CSV text", () => {
  it("has quoted fields with separators, quotes and line ends in them, and tells where a record begins", () => {
    expect(parseCsv('\uFEFFa,b\r\n"x, ""y""\n z",2\r\n\r\n3 ,\n')).toEqual([
      { line: 1, fields: ["a", "b"] },
      { line: 2, fields: ['x, "y"\n z', "2"] },
      { line: 5, fields: ["3", ""] },
    ]);
  });

  it("may be separated by semicolons, and an open quote ends with the file", () => {
    expect(parseCsv('a;b\n"1;2').map(({ fields }) => fields)).toEqual([["a", "b"], ["1;2"]]);
  });

  it("written comes back as it was", () => {
    const fields = ["plain", 'quo"te', "com,ma", " blank ", "", "ü"];
    expect(parseCsv(csvLine(fields))[0]?.fields).toEqual(fields);
  });
});

describe("a CSV set", () => {
  it("has a box a row, images without objects, and splits by file", async () => {
    const root = await testFolder({
      "train.csv": "image,width,height,class,x1,y1,x2,y2\na.jpg,64,48,dog,1,2,30,40\na.jpg,64,48,ant,5,5,9,9\nb.jpg,64,48,,,,,\n",
      "val.csv": "image,width,height,class,x1,y1,x2,y2\nb.jpg,64,48,dog,1,2,30,40\n",
      "images/a.jpg": await makeJpeg(64, 48),
      "images/b.jpg": await makeJpeg(64, 48),
    }); // prettier-ignore
    const { names, splits, problems } = await openDataset(root);
    expect([names, problems]).toEqual([["ant", "dog"], []]);
    expect(splits.train?.map(({ id, boxes }) => [id, [...boxes]])).toEqual([
      ["a", [1, 2, 30, 40, 5, 5, 9, 9]],
      ["b", []],
    ]);
    expect(splits.val?.map(({ classes }) => [...classes])).toEqual([[1]]);
  });

  it.each([
    ["filename,width,height,class,xmin,ymin,xmax,ymax", "a.jpg,64,48,dog,16,12,48,36"],
    ["Image Path;Label;Left;Top;Right;Bottom", "a.jpg;dog;16;12;48;36"],
    ["image_id,label,bbox_x,bbox_y,bbox_width,bbox_height", "a,dog,16,12,32,24"],
    ["ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf", "a,x,dog,1,0.25,0.75,0.25,0.75,0"],
    ["path,category,x_center,y_center,w,h,split", "images/a.jpg,dog,32,24,32,24,train"],
  ])("is understood by its header: %s", async (header, row) => {
    const root = await testFolder({ "annotations.csv": `${header}\n${row}\n`, "images/a.jpg": await makeJpeg(64, 48) });
    const { splits, names } = await openDataset(root);
    expect([names, [...splits.train![0]!.boxes]]).toEqual([["dog"], [16, 12, 48, 36]]);
  });

  it("reports rows with file, line and reason, and opens as a single file too", async () => {
    const root = await testFolder({
      "data.yaml": "format: csv\ntrain: t.csv\nnames: [dog]\n",
      "t.csv": [
        "image,width,height,class,x1,y1,x2,y2",
        "a.jpg,64,48,dog,1,2,x,4",
        "a.jpg,64,48,cat,1,2,3,4",
        "a.jpg,640,48,dog,1,2,3,4",
        "a.jpg,64,48,dog,3,2,3,4",
        ",64,48,dog,3,2,4,4",
        "gone.jpg,64,48,dog,3,2,4,4",
        "a.jpg,64,48,dog,3,2,4,",
      ].join("\n"),
      "a.jpg": await makeJpeg(64, 48),
    });
    const { problems } = await openDataset(root);
    expect(problems.map((problem) => problemText(problem).slice(root.length + 1))).toEqual([
      "t.csv:6: no image is named; row skipped",
      "gone.jpg: image file is missing; image skipped",
      't.csv:2: "x" is not a number; row skipped',
      't.csv:3: class "cat" is none of the dataset\'s names (dog); row skipped',
      "t.csv:4: says 640 x 48 px but the image has 64 x 48; row skipped",
      "t.csv:5: box of 0 x 2 px at 3, 2 has no area; row skipped",
      't.csv:8: "" is not a number; row skipped',
    ]);
    expect((await openDataset(join(root, "t.csv"))).names).toEqual(["cat", "dog"]);
  });

  it("without a usable header says what it must have", async () => {
    const root = await testFolder({ "train.csv": "1,2,3\n", "a.jpg": await makeJpeg(64, 48) });
    await expect(openDataset(root)).rejects.toThrow("train.csv:1: the header must name an image, a class and a box");
  });
});
