use wengert::{Function, Width};
fn main() {
    let f = Function::trace_in(
        Width::F32,
        ["w1[64,32]", "b1[32]", "w2[32,10]", "b2[10]", "x[n,64]", "y[n]: index"],
        |[w1, b1, w2, b2, x, y]| ((x.matmul(w1) + b1).relu().matmul(w2) + b2).cross_entropy(y.one_hot(10)).mean(..),
    )
    .unwrap();
    let g = f.wrt(["w1", "b1", "w2", "b2"]).unwrap().value_and_grad().unwrap();
    let s = Function::trace_in(Width::F32, ["w1[64,32]", "b1[32]", "w2[32,10]", "b2[10]", "x[n,64]", "y[n]: index"], |v| {
        let r = g.eval(&v)?;
        Ok::<_, wengert::Error>((
            ("loss", r[0]),
            ("next_w1", v[0] - 0.1 * r[1]),
            ("next_b1", v[1] - 0.1 * r[2]),
            ("next_w2", v[2] - 0.1 * r[3]),
            ("next_b2", v[3] - 0.1 * r[4]),
        ))
    })
    .unwrap();
    let c = s.compile_arrays().unwrap();
    println!("{}", c.stages());
    let loss = Function::trace(["u[2,8]", "b[8]", "v[8]", "c", "x[4,2]", "y[4]"], |[u, b, v, c, x, y]| {
        let h = (x.matmul(u) + b).tanh();
        ("loss", ((h.matmul(v) + c).sigmoid() - y).powi(2).mean(..))
    })
    .unwrap();
    let c = loss.wrt(["u", "b", "v", "c"]).unwrap().value_and_grad().unwrap().compile_arrays().unwrap();
    println!("{}", c.stages());
}
