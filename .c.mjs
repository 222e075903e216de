import sharp from "sharp"; import {readdirSync} from "node:fs";
const d=process.argv[2]; const w=Number(process.argv[3]??1200);
for(const f of readdirSync(d).filter(f=>f.endsWith(".jpg"))) await sharp(`${d}/${f}`).resize({width:w,withoutEnlargement:true}).png({palette:true}).toFile(`${d}/${f.replace(".jpg",".png")}`);
