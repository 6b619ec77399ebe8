//! Functions with derivatives of their own, in any arithmetic.

use super::real::{CustomRule, Real};

/// Calls a function that brings its derivative along. On numbers it is the value; duals and jets take the rule; in a trace the
/// rule is an operation, whose transpose is reverse mode. Further derivatives differentiate the rule, where `y` depends on x by the rule
/// again; a rule that calls itself would have no end.
///
/// ```
/// use wengert::rules::{CustomRule, custom_rule};
/// use wengert::{Function, Real, dual};
/// /// ln(1 + eˣ) by a formula that overflows, with a derivative that does not.
/// struct Log1pExp;
/// impl CustomRule for Log1pExp {
///     fn value<T: Real>(&self, x: &[T]) -> Vec<T> {
///         vec![x[0].exp().ln_1p()]
///     }
///     fn jvp<T: Real>(&self, x: &[T], _y: &[T], t: &[T]) -> Vec<T> {
///         vec![x[0].sigmoid() * t[0]]
///     }
/// }
/// fn f<T: Real>(x: T) -> T {
///     custom_rule(&Log1pExp, &[x])[0]
/// }
/// assert_eq!(dual::derivative(f, 800.0).1, 1.0);
/// assert_eq!(Function::trace("x", f)?.grad()?.compile()?.call([800.0])?, [1.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// Of the trace: a rule that gives other than the tangents of the results.
#[track_caller]
pub fn custom_rule<T: Real>(rule: &impl CustomRule, x: &[T]) -> Vec<T> {
    T::ruled(rule, x)
}

/// The value of `hard` with the derivative of `soft`: an estimator for steps, whose own derivative is 0 (Y. Bengio, N. Léonard and
/// A. Courville, 2013).
///
/// ```
/// use wengert::rules::straight_through;
/// use wengert::{Function, Real};
/// let f = Function::trace("x", |x| straight_through(x.round(), x) * 3.0)?.value_and_grad()?;
/// assert_eq!(f.eval(&[1.6])?, [6.0, 3.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[track_caller]
pub fn straight_through<T: Real>(hard: T, soft: T) -> T {
    struct First;
    impl CustomRule for First {
        fn value<T: Real>(&self, x: &[T]) -> Vec<T> {
            x[..1].to_vec()
        }
        fn jvp<T: Real>(&self, _: &[T], _: &[T], t: &[T]) -> Vec<T> {
            t[1..].to_vec()
        }
    }
    custom_rule(&First, &[hard, soft])[0]
}
