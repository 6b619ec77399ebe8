//! The portfolio that grows fastest: convex optimisation with many equations and a diagonal Hessian.
//!
//!     cargo run --release --features clarabel --example portfolio
//!
//! With the share wᵢ of the capital in asset i, which multiplies it by rₛᵢ in period s, capital is multiplied by yₛ = Σ wᵢ·rₛᵢ. The growth rate, the
//! mean of ln yₛ, is to be largest for shares that are not negative and sum up to 1 (J. Kelly, 1956). The factors yₛ are unknowns
//! of their own here: then the Hessian is a diagonal, and all else is linear. At the optimum the mean of rₛᵢ/yₛ is 1 for every asset that
//! is held, and at most 1 for the others (T. Cover, 1984), which is checked. The periods are made by a seeded generator.

use common::{Outcome, chart, chart::Chart, chart::Mark, sqp::Sqp};
use plotters::prelude::SeriesLabelPosition;
use wengert::nn::Rng;
use wengert::{Expr, Function};

const ASSETS: usize = 12;
const PERIODS: usize = 400;

fn main() -> Outcome {
    let returns = returns();
    let capital = |shares: &[f64], period: &[f64; ASSETS]| shares.iter().zip(period).map(|(w, r)| w * r).sum::<f64>();
    let f = Function::trace(("x", ASSETS + PERIODS), |x| {
        let (w, y) = x.split_at(ASSETS);
        let loss = -(1.0 / PERIODS as f64) * y.iter().map(|y| y.ln()).sum::<Expr>();
        let factor = |(r, y): (&[f64; ASSETS], &Expr)| *y - w.iter().zip(r).map(|(&w, &r)| w * r).sum::<Expr>();
        (
            ("loss", loss),
            ("factors", returns.iter().zip(y).map(factor).collect::<Vec<_>>()),
            ("budget", w.iter().copied().sum::<Expr>() - 1.0),
            ("long", w.iter().map(|&w| -w).collect::<Vec<_>>()),
        )
    })?;

    let equal = [1.0 / ASSETS as f64; ASSETS];
    let start = equal.iter().copied().chain(returns.iter().map(|r| capital(&equal, r))).collect();
    let best = Sqp::new(&f, PERIODS + 1)?.solve(start, vec![0.0; PERIODS + 1 + ASSETS], |_| ())?;
    let (shares, factors) = best.x.split_at(ASSETS);

    println!("asset   share   mean of r/y");
    for (asset, &share) in shares.iter().enumerate() {
        let mean = returns.iter().zip(factors).map(|(r, y)| r[asset] / y).sum::<f64>() / PERIODS as f64;
        println!("{:5} {share:7.4}   {mean:.8}", asset + 1);
        assert!(mean < 1.0 + 1e-6 && (share < 1e-5 || mean > 1.0 - 1e-6), "asset {asset} is not held as it should be");
    }
    println!();

    let wealth = |shares: &[f64]| {
        let mut sum = 0.0;
        let grown = returns.iter().map(|r| {
            sum += capital(shares, r).ln();
            sum.exp()
        });
        grown.enumerate().map(|(k, v)| (k as f64, v)).collect::<Vec<_>>()
    };
    let mut growth = Chart::new("Capital", "period", "").log(false, true).legend(SeriesLabelPosition::UpperLeft);
    for asset in 0..ASSETS {
        let alone: Vec<f64> = (0..ASSETS).map(|k| if k == asset { 1.0 } else { 0.0 }).collect();
        growth = growth.add(if asset == 0 { "one asset" } else { "" }, chart::SKY, Mark::Line, wealth(&alone));
    }
    let growth = growth.add("equal shares", chart::ORANGE, Mark::Line, wealth(&equal)).add(
        "fastest growth",
        chart::BLUE,
        Mark::Line,
        wealth(shares),
    );
    best.picture("portfolio.svg", 400, &growth)
}

/// Factors of all periods: a common movement, and one of each asset's own.
fn returns() -> Vec<[f64; ASSETS]> {
    let mut rng = Rng::new(7);
    let period = |_| {
        let market = 0.03 * rng.normal();
        std::array::from_fn(|asset| {
            let risk = 0.02 + 0.006 * asset as f64;
            (0.002 + 0.0006 * asset as f64 + market + risk * rng.normal()).exp()
        })
    };
    (0..PERIODS).map(period).collect()
}
