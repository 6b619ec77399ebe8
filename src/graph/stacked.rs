//! Scans as operations of a trace: loops whose number of steps is known when the function is called.

use super::body::{Body, fitting, ports};
use super::handle::Expr;
use super::model::{Control, States};
use super::session::by;
use super::trace;
use super::types::Type;
use crate::base::Axis;
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use crate::op::{Steps, Values};

/// Over the first axis of arrays; what the steps give gets one.
pub(super) fn scanned<C: Values<Expr>, X: Values<Expr>, Y: Values<Expr>>(
    how: Steps,
    init: C,
    xs: &X,
    mut body: impl FnMut(C, X) -> Result<(C, Y)>,
    at: Caller,
) -> Result<(C, Y)> {
    let mut kept: Option<Y> = None;
    let (last, each) = Made(how).make(&init.parts(), &xs.parts(), at, |c, x| {
        let (c, y) = body(init.with(&mut c.iter().copied()), xs.with(&mut x.iter().copied()))?;
        Ok((c.parts(), kept.insert(y).parts()))
    })?;
    let kept = kept.expect("a body that gives values has been traced");
    Ok((init.with(&mut last.into_iter()), kept.with(&mut each.into_iter())))
}

/// Over the items of a list, which are put side by side as arrays; what the steps give is taken from arrays again.
pub(super) fn listed<C: Values<Expr>, X: Values<Expr>, Y: Values<Expr>>(
    how: Steps,
    n: usize,
    x: impl Fn(usize) -> X,
    init: C,
    mut body: impl FnMut(C, X) -> Result<(C, Y)>,
    at: Caller,
) -> Result<(C, Vec<Y>)> {
    let items: Vec<Vec<Expr>> = (0..n).map(|k| x(k).parts()).collect();
    let types = |item: &[Expr]| item.iter().map(|&x| trace::type_of(x)).collect::<Vec<Type>>();
    let first = types(&items[0]);
    if let Some(k) = items.iter().position(|item| types(item) != first) {
        let message = format!("{}: item {k} has other parts or shapes than the first one", how.what);
        return Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
    }
    let along = |part: usize| Expr::stack(&items.iter().map(|item| item[part]).collect::<Vec<_>>(), 0);
    let xs: Vec<Expr> = by(at, || (0..first.len()).map(along).collect());
    let like = x(0);
    // What has no parts is read as many times.
    let how = Steps { length: Some(Axis::Fixed(n)), ..how };
    let step = |c, x: Vec<Expr>| body(c, like.with(&mut x.into_iter()));
    let (last, each) = scanned(how, init, &xs, step, at)?;
    let parts = each.parts();
    let item = |k: usize| each.with(&mut parts.iter().map(|y| y.at(0, k)));
    Ok((last, by(at, || (0..n).map(item).collect())))
}

/// The operation: of what is carried and the arrays that are read, both as handles.
struct Made(Steps);

impl Made {
    fn make(
        self,
        carries: &[Expr],
        xs: &[Expr],
        at: Caller,
        body: impl FnOnce(&[Expr], &[Expr]) -> Result<(Vec<Expr>, Vec<Expr>)>,
    ) -> Result<(Vec<Expr>, Vec<Expr>)> {
        let fail = |message: String| Error::new(ErrorKind::Shape, format!("{}: {message}", self.0.what)).at(Some(at));
        let mut length = self.0.length;
        let mut types: Vec<Type> = carries.iter().map(|&c| trace::type_of(c)).collect();
        let mut problem = None;
        for &x in xs {
            let (shape, dtype) = trace::type_of(x);
            match (shape.axes().first().copied(), length) {
                (None, _) => {
                    problem.get_or_insert_with(|| fail("a single number has no axis to run over".into()));
                }
                (Some(n), Some(other)) if n != other => {
                    problem.get_or_insert_with(|| fail(format!("the first axis of the shape {shape} is not {other}")));
                }
                (Some(n), _) => length = Some(n),
            }
            types.push((if shape.rank() == 0 { shape } else { shape.without(&[0]) }, dtype));
        }
        let made = Body::trace(self.0.what, &types, at, |args| {
            let (c, x) = args.split_at(carries.len());
            let (next, each) = body(c, x)?;
            Ok((next.len() == carries.len(), [fitting(next, &types), each].concat()))
        });
        let (body, each) = made.and_then(|body| {
            body.check_carried(self.0.what, &types[..carries.len()], at)?;
            let each = body.f.output_len() - carries.len();
            Ok((body, each))
        })?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let length = length.ok_or_else(|| fail("nothing tells how many steps there are: `Scan::steps` does".into()))?;
        let operands = [carries, xs, &body.captured].concat();
        let (body, reverse, states) = (body.f, self.0.reverse, self.0.checkpoints.map_or(States::All, States::Checkpoints));
        let control = Control::Scan { body, carries: carries.len(), xs: xs.len(), length, reverse, states };
        Ok(ports(control, &operands, carries.len(), each, at))
    }
}
