use wengert::*;
fn main() {
    let f = Function::trace((("p", 4), ["x", "y"]), |(p, [x, y])| {
        let e = p[0] + p[1] * x + p[2] * (x * x) + p[3] * (x * x * x) - y;
        e * e
    })
    .unwrap();
    let g = f.wrt(["p"]).unwrap().value_and_grad().unwrap();
    let rows = g.map_rows(["x", "y"]).unwrap().sum_all().lower();
    println!("{}", g);
    println!("{}", rows.clif().unwrap());
    println!("{}", rows.assembly().unwrap());
}
