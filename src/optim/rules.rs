//! The update rules. In: a parameter p, its gradient g, the rule's state for it, and the step number t = 1, 2, …. Out: the
//! next p and state. Definitions are those of PyTorch's `torch.optim` without their options.

use crate::op::{Real, lit};

/// A gradient step for one parameter, in any arithmetic.
///
/// ```
/// use wengert::{Function, optim::{Momentum, Rule}};
/// let rule = Momentum { rate: 0.5, momentum: 0.5 };
/// let (p, [v]) = rule.update(4.0, 1.0, [2.0], 1.0);
/// assert_eq!((p, v), (3.0, 2.0));
///
/// // The same step as a function, from parameter and velocity to the next ones, on f(p) = p²:
/// let step = Function::trace(["p", "v"], |[p, v]| {
///     let (p, [v]) = rule.update(p, 2.0 * p, [v], 1.0.into());
///     (("p", p), ("v", v))
/// })?;
/// assert_eq!(step.eval(&[4.0, 2.0])?, [-0.5, 9.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
pub trait Rule {
    /// What is kept for each parameter from step to step: an array of numbers, of none, one or two for the rules here.
    type State<T: Real>: AsRef<[T]> + AsMut<[T]> + Copy;

    /// The state before the first step.
    fn start<T: Real>(&self) -> Self::State<T>;

    /// The learning rate η.
    fn rate(&self) -> f64;

    /// One step: the next parameter and state from the parameter `p`, its gradient `g`, the state, and the number `t` of
    /// the step, from 1, which the rules of Adam use, and others do not look at.
    #[track_caller]
    fn update<T: Real>(&self, p: T, g: T, state: Self::State<T>, t: T) -> (T, Self::State<T>) {
        self.update_at(lit(self.rate()), p, g, state, t)
    }

    /// As [`Rule::update`], at a learning rate that may change from step to step.
    #[track_caller]
    fn update_at<T: Real>(&self, rate: T, p: T, g: T, state: Self::State<T>, t: T) -> (T, Self::State<T>);
}

/// Gradient descent: p ← p − η·g (A.-L. Cauchy, 1847; with sampled gradients H. Robbins and S. Monro, 1951).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate η.
    pub rate: f64,
}

impl Sgd {
    /// With a learning rate.
    pub fn new(rate: f64) -> Self {
        Sgd { rate }
    }
}

impl Rule for Sgd {
    type State<T: Real> = [T; 0];
    fn start<T: Real>(&self) -> [T; 0] {
        []
    }
    fn rate(&self) -> f64 {
        self.rate
    }
    fn update_at<T: Real>(&self, rate: T, p: T, g: T, state: [T; 0], _: T) -> (T, [T; 0]) {
        (p - rate * g, state)
    }
}

/// Momentum, the heavy ball: v ← μ·v + g, p ← p − η·v (B. T. Polyak, 1964).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Momentum {
    /// The learning rate η.
    pub rate: f64,
    /// The momentum μ, commonly 0.9.
    pub momentum: f64,
}

impl Momentum {
    /// With μ = 0.9.
    pub fn new(rate: f64) -> Self {
        Momentum { rate, momentum: 0.9 }
    }
}

impl Rule for Momentum {
    type State<T: Real> = [T; 1];
    fn start<T: Real>(&self) -> [T; 1] {
        [lit(0.0)]
    }
    fn rate(&self) -> f64 {
        self.rate
    }
    fn update_at<T: Real>(&self, rate: T, p: T, g: T, [v]: [T; 1], _: T) -> (T, [T; 1]) {
        let v = lit::<T>(self.momentum) * v + g;
        (p - rate * v, [v])
    }
}

/// Nesterov's momentum: v ← μ·v + g, p ← p − η·(g + μ·v) (Yu. Nesterov, 1983; in this form I. Sutskever et al., 2013).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Nesterov {
    /// The learning rate η.
    pub rate: f64,
    /// The momentum μ, commonly 0.9.
    pub momentum: f64,
}

impl Nesterov {
    /// With μ = 0.9.
    pub fn new(rate: f64) -> Self {
        Nesterov { rate, momentum: 0.9 }
    }
}

impl Rule for Nesterov {
    type State<T: Real> = [T; 1];
    fn start<T: Real>(&self) -> [T; 1] {
        [lit(0.0)]
    }
    fn rate(&self) -> f64 {
        self.rate
    }
    fn update_at<T: Real>(&self, rate: T, p: T, g: T, [v]: [T; 1], _: T) -> (T, [T; 1]) {
        let v = lit::<T>(self.momentum) * v + g;
        (p - rate * (g + lit::<T>(self.momentum) * v), [v])
    }
}

/// AdaGrad: s ← s + g², p ← p − η·g / (√s + ε) (J. Duchi, E. Hazan, Y. Singer, 2011).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct AdaGrad {
    /// The learning rate η.
    pub rate: f64,
    /// ε, which keeps the quotient bounded.
    pub epsilon: f64,
}

impl AdaGrad {
    /// With ε = 10⁻¹⁰.
    pub fn new(rate: f64) -> Self {
        AdaGrad { rate, epsilon: 1e-10 }
    }
}

impl Rule for AdaGrad {
    type State<T: Real> = [T; 1];
    fn start<T: Real>(&self) -> [T; 1] {
        [lit(0.0)]
    }
    fn rate(&self) -> f64 {
        self.rate
    }
    fn update_at<T: Real>(&self, rate: T, p: T, g: T, [s]: [T; 1], _: T) -> (T, [T; 1]) {
        let s = s + g * g;
        (p - rate * (g / (s.sqrt() + lit(self.epsilon))), [s])
    }
}

/// RMSProp: s ← α·s + (1 − α)·g², p ← p − η·g / (√s + ε) (T. Tieleman and G. Hinton, 2012).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct RmsProp {
    /// The learning rate η.
    pub rate: f64,
    /// The share α of the past in the mean square.
    pub alpha: f64,
    /// ε, which keeps the quotient bounded.
    pub epsilon: f64,
}

impl RmsProp {
    /// With α = 0.99, ε = 10⁻⁸.
    pub fn new(rate: f64) -> Self {
        RmsProp { rate, alpha: 0.99, epsilon: 1e-8 }
    }
}

impl Rule for RmsProp {
    type State<T: Real> = [T; 1];
    fn start<T: Real>(&self) -> [T; 1] {
        [lit(0.0)]
    }
    fn rate(&self) -> f64 {
        self.rate
    }
    fn update_at<T: Real>(&self, rate: T, p: T, g: T, [s]: [T; 1], _: T) -> (T, [T; 1]) {
        let s = lit::<T>(self.alpha) * s + lit::<T>(1.0 - self.alpha) * (g * g);
        (p - rate * (g / (s.sqrt() + lit(self.epsilon))), [s])
    }
}

/// Adam: m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g²,
/// p ← p − η·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε) (D. P. Kingma and J. Ba, 2015).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate η.
    pub rate: f64,
    /// The share β₁ of the past in the mean.
    pub beta1: f64,
    /// The share β₂ of the past in the mean square.
    pub beta2: f64,
    /// ε, which keeps the quotient bounded.
    pub epsilon: f64,
}

impl Adam {
    /// With β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
    pub fn new(rate: f64) -> Self {
        Adam { rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Rule for Adam {
    type State<T: Real> = [T; 2];
    fn start<T: Real>(&self) -> [T; 2] {
        [lit(0.0); 2]
    }
    fn rate(&self) -> f64 {
        self.rate
    }
    fn update_at<T: Real>(&self, rate: T, p: T, g: T, [m, v]: [T; 2], t: T) -> (T, [T; 2]) {
        let m = lit::<T>(self.beta1) * m + lit::<T>(1.0 - self.beta1) * g;
        let v = lit::<T>(self.beta2) * v + lit::<T>(1.0 - self.beta2) * (g * g);
        let mean = m / one_minus_power(self.beta1, t);
        let square = v / one_minus_power(self.beta2, t);
        (p - rate * (mean / (square.sqrt() + lit(self.epsilon))), [m, v])
    }
}

/// Adam with decoupled weight decay: p ← p·(1 − η·λ), then as [`Adam`] (I. Loshchilov and F. Hutter, 2019).
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct AdamW {
    /// The step that follows the decay.
    pub adam: Adam,
    /// The weight decay λ.
    pub decay: f64,
}

impl AdamW {
    /// With [`Adam::new`] and λ = 0.01.
    pub fn new(rate: f64) -> Self {
        AdamW { adam: Adam::new(rate), decay: 0.01 }
    }
}

impl Rule for AdamW {
    type State<T: Real> = [T; 2];
    fn start<T: Real>(&self) -> [T; 2] {
        self.adam.start()
    }
    fn rate(&self) -> f64 {
        self.adam.rate
    }
    fn update_at<T: Real>(&self, rate: T, p: T, g: T, state: [T; 2], t: T) -> (T, [T; 2]) {
        self.adam.update_at(rate, p * (lit::<T>(1.0) - rate * lit(self.decay)), g, state, t)
    }
}

/// 1 − βᵗ, without the cancellation that would cost f32 five digits in the first steps.
#[track_caller]
fn one_minus_power<T: Real>(beta: f64, t: T) -> T {
    -(t * lit(beta.ln())).exp_m1()
}
