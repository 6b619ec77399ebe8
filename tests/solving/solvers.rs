//! argmin's traits over compiled functions, against derivatives worked out by hand.

use argmin::core::{CostFunction, Executor, Gradient, Hessian, Jacobian, Operator, State};
use argmin::solver::{gaussnewton::GaussNewton, linesearch::MoreThuenteLineSearch, newton::Newton, quasinewton::LBFGS};
use argmin_math::ArgminDot;
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use ndarray::{Array1, array, s};
use wengert::solvers::{Objective, Residuals};
use wengert::{Function, Width, sparse::Method};

/// a²·b + b³ over two inputs; its gradient is (2ab, a² + 3b²), its Hessian ((2b, 2a), (2a, 6b)).
fn cubic() -> Function {
    Function::trace(["a", "b"], |[a, b]| a * a * b + b.powi(3)).unwrap()
}

#[test]
fn an_objective_over_vectors() {
    let f: Objective = Objective::new(&cubic()).unwrap();
    let at = vec![2.0, 3.0];
    assert_eq!((f.dimension(), f.cost(&at).unwrap()), (2, 39.0));
    assert_eq!(f.gradient(&at).unwrap(), [12.0, 31.0]);
    let h = f.hessian(&at).unwrap();
    assert_eq!((h.sparsity().len(), h.values()), (4, &[6.0, 4.0, 4.0, 18.0][..]));
    assert_eq!(h.dot(&vec![1.0, -1.0]), [2.0, -14.0]);
}

#[test]
fn an_objective_over_nalgebra() {
    let f: Objective<DVector<f64>> = Objective::new(&cubic()).unwrap();
    let at = dvector![2.0, 3.0];
    assert_eq!(f.gradient(&at).unwrap(), dvector![12.0, 31.0]);
    assert_eq!(f.hessian(&at).unwrap(), dmatrix![6.0, 4.0; 4.0, 18.0]);
    // Newton's method finds the root of a quadratic's gradient in one step.
    let bowl = Function::trace(("x", 2), |x| (x[0] - 1.0).powi(2) + x[0] * x[1] + 2.0 * x[1] * x[1]).unwrap();
    let bowl: Objective<DVector<f64>> = Objective::new(&bowl).unwrap();
    let run = Executor::new(bowl, Newton::<f64>::new()).configure(|s| s.param(dvector![5.0, -7.0]).max_iters(1)).run().unwrap();
    let found = run.state.get_param().unwrap();
    assert!((found - dvector![8.0 / 7.0, -2.0 / 7.0]).amax() < 1e-12, "{found}");
}

#[test]
fn an_objective_over_ndarray() {
    let f: Objective<Array1<f64>> = Objective::new(&cubic()).unwrap();
    // Every other number of an array is a point, too.
    let at = array![2.0, 0.0, 3.0, 0.0].slice_move(s![..;2]);
    assert_eq!(f.cost(&at).unwrap(), 39.0);
    assert_eq!(f.gradient(&at).unwrap(), array![12.0, 31.0]);
    assert_eq!(f.hessian(&at).unwrap(), array![[6.0, 4.0], [4.0, 18.0]]);
    let bowl = Function::trace(("x", 2), |x| (x[0] - 1.0).powi(2) + x[0] * x[1] + 2.0 * x[1] * x[1]).unwrap();
    let bowl: Objective<Array1<f64>> = Objective::new(&bowl).unwrap();
    let search = MoreThuenteLineSearch::<Array1<f64>, Array1<f64>, f64>::new();
    let run = Executor::new(bowl, LBFGS::new(search, 3)).configure(|s| s.param(array![5.0, -7.0]).max_iters(30)).run().unwrap();
    let found = run.state.get_param().unwrap();
    assert!((found[0] - 8.0 / 7.0).abs() + (found[1] + 2.0 / 7.0).abs() < 1e-6, "{found}");
}

#[test]
fn residuals_with_data() {
    // Two results a row; the straight line's fit is linear, so one step of Gauss and Newton finds it.
    let line = Function::trace(["c[2]", "t[n]", "y[n]"], |[c, t, y]| c.at(0, 0) + c.at(0, 1) * t - y).unwrap();
    let method = Method::new().length("n", 4).data("t", &[0.0, 1.0, 2.0, 3.0]).data("y", &[1.0, 3.0, 5.0, 7.0]);
    let line = line.wrt(["c"]).unwrap();
    let f: Residuals<DVector<f64>> = Residuals::with(&line, &method).unwrap();
    assert_eq!(f.dimension(), 2);
    assert_eq!(f.apply(&dvector![0.0, 1.0]).unwrap(), dvector![-1.0, -2.0, -3.0, -4.0]);
    let j: DMatrix<f64> = f.jacobian(&dvector![0.0, 1.0]).unwrap();
    assert_eq!(j, dmatrix![1.0, 0.0; 1.0, 1.0; 1.0, 2.0; 1.0, 3.0]);
    let run = Executor::new(f, GaussNewton::new()).configure(|s| s.param(dvector![9.0, -9.0]).max_iters(1)).run().unwrap();
    assert!((run.state.get_param().unwrap() - dvector![1.0, 2.0]).amax() < 1e-12);

    let f: Residuals = Residuals::with(&line, &method).unwrap();
    let j = f.jacobian(&vec![0.0, 1.0]).unwrap();
    assert_eq!(j.dot(&vec![1.0, 2.0]), [1.0, 3.0, 5.0, 7.0]);
}

#[test]
fn an_objective_of_arrays() {
    let f = Function::trace(["x[3]", "w[3]"], |[x, w]| (w * x.powi(4)).sum(..)).unwrap().wrt(["x"]).unwrap();
    let f: Objective = Objective::with(&f, &Method::new().data("w", &[1.0, 2.0, 3.0])).unwrap();
    let at = vec![1.0, -1.0, 2.0];
    assert_eq!((f.cost(&at).unwrap(), f.gradient(&at).unwrap()), (51.0, vec![4.0, -8.0, 96.0]));
    let h = f.hessian(&at).unwrap();
    assert_eq!(h.sparsity().entries().collect::<Vec<_>>(), [(0, 0), (1, 1), (2, 2)]);
    assert_eq!(h.values(), [12.0, 24.0, 144.0]);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let two = Function::trace("x", |x| [x, x]).unwrap();
    let error = Objective::<Vec<f64>>::new(&two).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("an objective has one result, and the function has 2"), "{error}");
    let data = cubic().wrt(["a"]).unwrap();
    let error = Objective::<Vec<f64>>::new(&data).unwrap_err();
    assert!(error.is_name() && error.to_string().contains("`b` is not differentiated by"), "{error}");
    assert!(error.to_string().contains("solvers.rs"), "{error}");
    let narrow = Function::trace_in(Width::F32, "x", |x| x * x).unwrap();
    assert!(Residuals::<Vec<f64>>::new(&narrow).is_err());
    let open = Function::trace("x[n]", |x| x.sum(..)).unwrap();
    assert!(Objective::<Vec<f64>>::new(&open).unwrap_err().to_string().contains("Method::length"));
    let f: Objective = Objective::new(&cubic()).unwrap();
    for error in [f.cost(&vec![1.0]).unwrap_err(), f.hessian(&vec![1.0]).unwrap_err()] {
        assert!(error.to_string().contains("the point has 1 number, and the function takes 2"), "{error}");
    }
}
