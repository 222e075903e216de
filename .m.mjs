import sharp from "sharp";
const [d,out,...names]=process.argv.slice(2);
const cells=await Promise.all(names.map(n=>sharp(`${d}/each-${n}.jpg`).resize({width:700}).raw().toBuffer({resolveWithObject:true})));
const h=Math.max(...cells.map(c=>c.info.height))+6;
const cols=2, rows=Math.ceil(names.length/cols);
await sharp({create:{width:cols*706,height:rows*h,channels:3,background:"white"}}).composite(cells.map((c,i)=>({input:c.data,raw:{width:c.info.width,height:c.info.height,channels:3},left:(i%cols)*706,top:Math.floor(i/cols)*h}))).png({palette:true}).toFile(out);
