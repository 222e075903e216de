const N=process.argv[2]??640, S=+N;
const oldC=await import("/tmp/h/vision/packages/yolov9/dist/data/augment/color.js");
const newC=await import("/tmp/h/augment/packages/yolov9/dist/data/augment/color.js");
const oldW=await import("/tmp/h/vision/packages/yolov9/dist/data/augment/warp.js");
const newW=await import("/tmp/h/augment/packages/yolov9/dist/data/augment/warp.js");
const oldR=await import("/tmp/h/vision/packages/yolov9/dist/data/augment/render.js");
const ds=await import("/tmp/h/augment/packages/yolov9/dist/data/index.js");
const img=await ds.decodeImage("/tmp/h/shared/datasets/bccd/JPEGImages/BloodImage_00001.jpg");
const {resizeBilinear}=await import("/tmp/h/augment/packages/vision/dist/index.js");
const pic=resizeBilinear(img,S,S*3/4|0);
const ow=new oldW.Warper(S), nw=new newW.Warper(S,S);
const out=new Uint8Array(S*S*3), planes=new Uint8Array(S*S*3);
const g={hue:1.01,saturation:1.3,value:.8}, fl={leftRight:true,upDown:false};
function t(f){const c=process.cpuUsage();f();const d=process.cpuUsage(c);return (d.user+d.system)/1000}
const scales=[.2,.5,.8,1.0,1.3,1.7];
const tiles=pic=>[0,1,2,3].map(c=>oldR.mosaicTile(pic,c,{centreX:S*1.1|0,centreY:S*.9|0},2*S));
const T=tiles(pic);
const sum={oW:[],nW:[],oC:[],nC:[]};
for(let r=0;r<12;r++) for(const s of scales){
 const inv=[1/s,0,S-S/2/s,0,1/s,S-S/2/s];
 sum.oW.push(t(()=>ow.warp(T,inv,out)));
 sum.nW.push(t(()=>nw.warp(T,[...inv,0,0,1],out)));
 sum.oC.push(t(()=>oldC.finishImage(out,S,g,fl,planes)));
 sum.nC.push(t(()=>newC.finishImage(out,{width:S,height:S},g,fl,planes)));
}
for(const k in sum){const rows=scales.map((s,i)=>{const v=sum[k].filter((_,j)=>j%scales.length==i).slice(3).sort((a,b)=>a-b);return v[0].toFixed(2)});console.log(k,rows.join(" "))}
