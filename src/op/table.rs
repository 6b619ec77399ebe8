//! The op table. A row is all there is to say of an operation: its formula (the documentation), its name and operands, its
//! value over [`Machine`], and for each operand the [`EdgeMap`] of its partial derivative over [`Real`].
//!
//! `op_table!(callback)` hands the rows to a macro `callback`; the enum, both arithmetic traits, duals and graph handles
//! are projections of the same rows. An operation without a rule does not parse, hence does not compile.

#![allow(unused_variables, reason = "a rule need not use every operand, nor the result")]

use super::{EdgeMap, Real, conventions, lit};
use crate::base::Machine;
use crate::kernels;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LN_10};

macro_rules! op_table {
    ($callback:ident $($pass:tt)*) => { $callback! { $($pass)*
        operators {
            /// x + y
            Add add(x, y) = x + y, |z| [EdgeMap::Id, EdgeMap::Id];
            /// x − y
            Sub sub(x, y) = x - y, |z| [EdgeMap::Id, EdgeMap::Flip];
            /// x·y
            Mul mul(x, y) = x * y, |z| [y, x];
            /// x / y
            Div div(x, y) = x / y, |z| [y.recip(), -(z * y.recip())];
            /// The remainder x − y·trunc(x/y), with the sign of x.
            Rem rem(x, y) = x.call2(y, &kernels::REM), |z| [EdgeMap::Id, -((x - z) / y).round()];
            /// −x
            Neg neg(x) = -x, |z| [EdgeMap::Flip];
        }
        methods {
            /// The same value, but a constant to every derivative.
            Detach detach(x) = x, |z| [EdgeMap::Zero];
            /// 1 / x
            Recip recip(x) = x.k(1.0) / x, |z| [-(z * z)];
            /// x·y + a, rounded once.
            MulAdd mul_add(x, y, a) = x.fma(y, a), |z| [y, x, EdgeMap::Id];
            /// xⁿ for an integer n, also 0 (where it is 1 for every x) and negative.
            Powi{n: i32 = 3} powi(x) = kernels::powi(x, n), |z| [conventions::powi_edge(x, n)];
            /// xʸ. ∂/∂y is z·ln x; at x = 0 it is 0 for y ≥ 0.
            Powf powf(x, y) = x.kernel2(y, kernels::Powf), |z| [
                EdgeMap::Singular(S::select(y.ne(lit(0.0)) | x.abs().gt(lit(0.0)), y * x.powf(y - lit(1.0)), lit(0.0))),
                EdgeMap::Strong(z * S::select(x.eq(lit(0.0)), lit(1.0), x).ln())
            ];
            /// √x, with the derivative ∞ at 0.
            Sqrt sqrt(x) = x.sqrt(), |z| [EdgeMap::Singular(lit::<S>(0.5) / z)];
            /// ∛x, with the derivative ∞ at 0.
            Cbrt cbrt(x) = x.kernel1(kernels::Cbrt), |z| [EdgeMap::Singular((lit::<S>(3.0) * z * z).recip())];
            /// √(x² + y²) without overflow; both derivatives are 0 at the origin.
            Hypot hypot(x, y) = x.call2(y, &kernels::HYPOT), |z| [
                EdgeMap::ScaleWhere(z.ne(lit(0.0)), x / z),
                EdgeMap::ScaleWhere(z.ne(lit(0.0)), y / z)
            ];
            /// eˣ
            Exp exp(x) = x.kernel1(kernels::Exp), |z| [z];
            /// 2ˣ
            Exp2 exp2(x) = x.kernel1(kernels::Exp2), |z| [z * lit(LN_2)];
            /// eˣ − 1, accurate near 0.
            ExpM1 exp_m1(x) = x.kernel1(kernels::ExpM1), |z| [x.exp()];
            /// The natural logarithm.
            Ln ln(x) = x.kernel1(kernels::Ln), |z| [EdgeMap::Singular(x.recip())];
            /// ln(1 + x), accurate near 0.
            Ln1p ln_1p(x) = x.kernel1(kernels::Ln1p), |z| [EdgeMap::Singular((lit::<S>(1.0) + x).recip())];
            /// The logarithm to base 2.
            Log2 log2(x) = x.kernel1(kernels::Log2), |z| [EdgeMap::Singular((x * lit(LN_2)).recip())];
            /// The logarithm to base 10.
            Log10 log10(x) = x.kernel1(kernels::Log10), |z| [EdgeMap::Singular((x * lit(LN_10)).recip())];
            /// The logarithm of x to base b, ln x / ln b.
            Log log(x, b) = x.kernel1(kernels::Ln) / b.kernel1(kernels::Ln), |z| [
                (x * b.ln()).recip(),
                -(z / (b * b.ln()))
            ];
            /// sin x
            Sin sin(x) = x.kernel1(kernels::Sin), |z| [x.cos()];
            /// cos x
            Cos cos(x) = x.kernel1(kernels::Cos), |z| [-x.sin()];
            /// tan x
            Tan tan(x) = x.kernel1(kernels::Tan), |z| [lit::<S>(1.0) + z * z];
            /// arcsin x
            Asin asin(x) = x.kernel1(kernels::Asin), |z| [EdgeMap::Singular(((lit::<S>(1.0) - x) * (lit::<S>(1.0) + x)).sqrt().recip())];
            /// arccos x
            Acos acos(x) = x.kernel1(kernels::Acos), |z| [EdgeMap::Singular(-((lit::<S>(1.0) - x) * (lit::<S>(1.0) + x)).sqrt().recip())];
            /// arctan x
            Atan atan(x) = x.kernel1(kernels::Atan), |z| [(lit::<S>(1.0) + x * x).recip()];
            /// The angle of the point (x, y), as `y.atan2(x)`; both derivatives are 0 at the origin.
            Atan2 atan2(y, x) = y.kernel2(x, kernels::Atan2), |z| [
                EdgeMap::ScaleWhere(x.hypot(y).ne(lit(0.0)), x / x.hypot(y) / x.hypot(y)),
                EdgeMap::ScaleWhere(x.hypot(y).ne(lit(0.0)), -(y / x.hypot(y) / x.hypot(y)))
            ];
            /// sinh x
            Sinh sinh(x) = x.kernel1(kernels::Sinh), |z| [x.cosh()];
            /// cosh x
            Cosh cosh(x) = x.kernel1(kernels::Cosh), |z| [x.sinh()];
            /// tanh x
            Tanh tanh(x) = x.kernel1(kernels::Tanh), |z| [lit::<S>(1.0) - z * z];
            /// arsinh x
            Asinh asinh(x) = x.kernel1(kernels::Asinh), |z| [x.hypot(lit(1.0)).recip()];
            /// arcosh x
            Acosh acosh(x) = x.kernel1(kernels::Acosh), |z| [EdgeMap::Singular(((x - lit(1.0)) * (x + lit(1.0))).sqrt().recip())];
            /// artanh x
            Atanh atanh(x) = x.kernel1(kernels::Atanh), |z| [((lit::<S>(1.0) - x) * (lit::<S>(1.0) + x)).recip()];
            /// The logistic function 1 / (1 + e⁻ˣ), without overflow.
            Sigmoid sigmoid(x) = x.kernel1(kernels::Sigmoid), |z| [z * (lit::<S>(1.0) - z)];
            /// ln(1 + eˣ), without overflow.
            Softplus softplus(x) = x.kernel1(kernels::Softplus), |z| [x.sigmoid()];
            /// max(x, 0), with the derivative 0 at 0.
            Relu relu(x) = kernels::relu(x), |z| [EdgeMap::Where(!x.le(lit(0.0)))];
            /// x for x > 0, α·x elsewhere; the derivative at 0 is α. α is an operand, so it can be learned (pReLU).
            LeakyRelu leaky_relu(x, alpha) = kernels::leaky_relu(x, alpha), |z| [
                S::select(x.gt(lit(0.0)), lit(1.0), alpha),
                EdgeMap::ScaleWhere(!x.gt(lit(0.0)), x)
            ];
            /// |x|, with the derivative 0 at 0.
            Abs abs(x) = x.abs(), |z| [EdgeMap::ScaleWhere(x.ne(lit(0.0)), x.signum())];
            /// 1 with the sign bit of x (also for ±0), NaN for NaN.
            Signum signum(x) = kernels::signum(x), |z| [EdgeMap::Zero];
            /// |x| with the sign bit of y; |x| for y NaN, whose sign no engine promises.
            Copysign copysign(x, y) = kernels::copysign(x, y), |z| [x.signum() * lit::<S>(1.0).copysign(y), EdgeMap::Zero];
            /// ⌊x⌋
            Floor floor(x) = x.floor(), |z| [EdgeMap::Zero];
            /// ⌈x⌉
            Ceil ceil(x) = x.ceil(), |z| [EdgeMap::Zero];
            /// The nearest integer, halves away from 0.
            Round round(x) = kernels::round(x), |z| [EdgeMap::Zero];
            /// x without its fraction.
            Trunc trunc(x) = x.trunc(), |z| [EdgeMap::Zero];
            /// x − trunc x
            Fract fract(x) = x - x.trunc(), |z| [EdgeMap::Id];
            /// The smaller of x and y; of a number and NaN the number. A tie gives each operand half of the derivative.
            Min min(x, y) = kernels::min(x, y), |z| [
                EdgeMap::ScaleWhere(x.le(y) | y.ne(y), conventions::tie(x, y)),
                EdgeMap::ScaleWhere(!x.lt(y) & y.eq(y), conventions::tie(x, y))
            ];
            /// The larger of x and y; of a number and NaN the number. A tie gives each operand half of the derivative.
            Max max(x, y) = kernels::max(x, y), |z| [
                EdgeMap::ScaleWhere(x.ge(y) | y.ne(y), conventions::tie(x, y)),
                EdgeMap::ScaleWhere(!x.gt(y) & y.eq(y), conventions::tie(x, y))
            ];
            /// x held between lo and hi; the derivative is that of x on the closed interval, of the bound outside.
            Clamp clamp(x, lo, hi) = kernels::clamp(x, lo, hi), |z| [
                EdgeMap::Where(!(x.lt(lo) | x.gt(hi))),
                EdgeMap::Where(x.lt(lo) & !x.gt(hi)),
                EdgeMap::Where(x.gt(hi))
            ];
            /// ln(eˣ + eʸ), without overflow.
            LogAddExp log_add_exp(x, y) = kernels::log_add_exp(x, y), |z| [
                conventions::gap(x, y).sigmoid(),
                conventions::gap(y, x).sigmoid()
            ];
            /// x·ln y, and 0 for x = 0 whatever y.
            Xlogy xlogy(x, y) = kernels::xlogy(x, y), |z| [
                EdgeMap::Strong(y.ln()),
                EdgeMap::Singular(S::select(x.ne(lit(0.0)) | y.ne(lit(0.0)), x / y, lit(0.0)))
            ];
            /// The error function 2/√π ∫₀ˣ e^(−t²) dt.
            Erf erf(x) = x.kernel1(kernels::Erf), |z| [(-(x * x)).exp() * lit(FRAC_2_SQRT_PI)];
            /// 1 − erf x, without cancellation.
            Erfc erfc(x) = x.kernel1(kernels::Erfc), |z| [(-(x * x)).exp() * lit(-FRAC_2_SQRT_PI)];
            /// The standard normal distribution function ½·erfc(−x/√2).
            NormCdf norm_cdf(x) = x.kernel1(kernels::NormCdf), |z| [(x * x * lit(-0.5)).exp() * lit(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2)];
            /// ln |Γ(x)|
            Lgamma lgamma(x) = x.call1(&kernels::LGAMMA), |z| [x.digamma()];
            /// ψ(x) = d ln Γ(x)/dx
            Digamma digamma(x) = x.call1(&kernels::DIGAMMA), |z| [x.polygamma(1)];
            /// ψ⁽ⁿ⁾(x), the n-th derivative of the digamma function, n ≥ 0.
            Polygamma{n: i32 = 1} polygamma(x) = x.k(n as f64).call2(x, &kernels::POLYGAMMA), |z| [x.polygamma(n.saturating_add(1))];
        }
        comparisons {
            /// x < y
            Lt lt(x, y) = x.lt(y);
            /// x ≤ y
            Le le(x, y) = x.le(y);
            /// x > y
            Gt gt(x, y) = y.lt(x);
            /// x ≥ y
            Ge ge(x, y) = y.le(x);
            /// x = y
            Eq eq(x, y) = x.eq(y);
            /// x ≠ y, also for NaN.
            Ne ne(x, y) = !x.eq(y);
        }
    } };
}
pub(crate) use op_table;

/// What kind of value a node holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// A floating-point number; its width belongs to the function.
    Float,
    /// A truth value, from a comparison.
    Mask,
    /// A whole number that says where, in [`ArrayOp::Gather`](super::ArrayOp::Gather) and its like.
    Index,
}

/// A number or a mask, in one arithmetic.
#[derive(Copy, Clone, Debug)]
pub enum Value<N, M> {
    /// A number.
    Num(N),
    /// A truth value.
    Mask(M),
}

impl<N: Copy, M: Copy> Value<N, M> {
    /// The number, `None` of a truth value.
    ///
    /// ```
    /// use wengert::{Function, Value};
    /// let f = Function::trace("x", |x| x * x)?;
    /// let at = f.linearize_at(&[3.0])?;
    /// assert_eq!(at.value(f.outputs()[0].nodes()[0]).number(), Some(9.0));
    /// assert_eq!(Value::<f64, bool>::Mask(true).number(), None);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[inline]
    pub fn number(self) -> Option<N> {
        match self {
            Value::Num(v) => Some(v),
            Value::Mask(_) => None,
        }
    }
    /// The truth value, `None` of a number.
    #[inline]
    pub fn mask(self) -> Option<M> {
        match self {
            Value::Mask(m) => Some(m),
            Value::Num(_) => None,
        }
    }
    /// The number. Graphs are verified, so a mask here is a broken invariant.
    #[inline(always)]
    pub(crate) fn num(self) -> N {
        match self {
            Value::Num(v) => v,
            Value::Mask(_) => unreachable!("a verified graph has a number here"),
        }
    }
    /// The mask, likewise.
    #[inline(always)]
    pub(crate) fn truth(self) -> M {
        match self {
            Value::Mask(m) => m,
            Value::Num(_) => unreachable!("a verified graph has a mask here"),
        }
    }
}

macro_rules! define_ops {
    (
        operators { $($(#[$od:meta])* $Oper:ident $oper:ident($ox:ident $(, $oy:ident)*) = $oval:expr, |$oz:ident| [$($oedge:expr),+];)* }
        methods { $($(#[$md:meta])* $Meth:ident $({$mp:ident: $mpt:ty = $sample:literal})? $meth:ident($mx:ident $(, $my:ident)*) = $mval:expr, |$mz:ident| [$($medge:expr),+];)* }
        comparisons { $($(#[$cd:meta])* $Cmp:ident $cmp:ident($cx:ident, $cy:ident) = $cval:expr;)* }
    ) => {
        /// A scalar operation. Its methods read the op table.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Op {
            $($(#[$od])* $Oper,)*
            $($(#[$md])* $Meth $(($mpt))?,)*
            $($(#[$cd])* $Cmp,)*
            /// Both masks.
            And,
            /// Either mask.
            Or,
            /// Not the mask.
            Not,
            /// The first value where the mask holds, the second elsewhere.
            Select,
        }

        /// The rows' values, one function each.
        pub(crate) mod value {
            use super::*;
            $(#[inline(always)] pub(crate) fn $oper<M: Machine>($ox: M $(, $oy: M)*) -> M { $oval })*
            $(#[inline(always)] pub(crate) fn $meth<M: Machine>($mx: M $(, $my: M)* $(, $mp: $mpt)?) -> M { $mval })*
            $(#[inline(always)] pub(crate) fn $cmp<M: Machine>($cx: M, $cy: M) -> M::Mask { $cval })*
        }

        /// The rows' edges, one function each.
        pub(crate) mod rule {
            use super::*;
            $(#[inline(always)] #[track_caller]
            pub(crate) fn $oper<S: Real>($ox: S $(, $oy: S)*, $oz: S) -> [EdgeMap<S>; { [stringify!($ox) $(, stringify!($oy))*].len() }] { [$(EdgeMap::<S>::from($oedge)),+] })*
            $(#[inline(always)] #[track_caller]
            pub(crate) fn $meth<S: Real>($mx: S $(, $my: S)* $(, $mp: $mpt)?, $mz: S) -> [EdgeMap<S>; { [stringify!($mx) $(, stringify!($my))*].len() }] { [$(EdgeMap::<S>::from($medge)),+] })*
        }

        impl Op {
            /// Every operation; one that has a parameter stands here with a sample of it.
            pub const ALL: &'static [Op] = &[$(Op::$Oper,)* $(Op::$Meth $(($sample))?,)* $(Op::$Cmp,)* Op::And, Op::Or, Op::Not, Op::Select];

            /// The name in text, which is the method's name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Op::$Oper => stringify!($oper),)*
                    $(Op::$Meth $(($mp))? => { $(let _ = $mp;)? stringify!($meth) })*
                    $(Op::$Cmp => stringify!($cmp),)*
                    Op::And => "and", Op::Or => "or", Op::Not => "not", Op::Select => "select",
                }
            }

            /// The integer parameter of `powi` and its like.
            pub fn parameter(self) -> Option<i32> {
                match self {
                    $(Op::$Meth $(($mp))? => { let _p: Option<i32> = None; $(let _p = Some($mp);)? _p })*
                    _ => None,
                }
            }

            /// The operation of a name and parameter, `None` where there is none or the parameter does not fit.
            pub fn parse(name: &str, parameter: Option<i32>) -> Option<Op> {
                Op::ALL.iter().copied().find(|op| op.name() == name && op.parameter().is_some() == parameter.is_some()).map(|op| {
                    match op {
                        $(Op::$Meth $(($mp))? => { $(let _ = $mp; let $mp = parameter.unwrap_or($sample);)? Op::$Meth $(($mp))? })*
                        other => other,
                    }
                })
            }

            /// What each operand must be.
            pub fn operands(self) -> &'static [DType] {
                const FLOATS: &[DType] = &[DType::Float; 3];
                const MASKS: &[DType] = &[DType::Mask; 2];
                match self {
                    $(Op::$Oper => &FLOATS[..[stringify!($ox) $(, stringify!($oy))*].len()],)*
                    $(Op::$Meth $(($mp))? => { $(let _ = $mp;)? &FLOATS[..[stringify!($mx) $(, stringify!($my))*].len()] })*
                    $(Op::$Cmp => &FLOATS[..2],)*
                    Op::And | Op::Or => MASKS,
                    Op::Not => &MASKS[..1],
                    Op::Select => &[DType::Mask, DType::Float, DType::Float],
                }
            }

            /// What the result is.
            pub fn result(self) -> DType {
                match self {
                    $(Op::$Cmp => DType::Mask,)*
                    Op::And | Op::Or | Op::Not => DType::Mask,
                    _ => DType::Float,
                }
            }

            /// The value on any machine. Operands must fit [`Op::operands`].
            #[inline(always)]
            pub(crate) fn value<M: Machine>(self, args: &[Value<M, M::Mask>]) -> Value<M, M::Mask> {
                match self {
                    $(Op::$Oper => { let [$ox $(, $oy)*] = floats(args); Value::Num(value::$oper($ox $(, $oy)*)) })*
                    $(Op::$Meth $(($mp))? => { let [$mx $(, $my)*] = floats(args); Value::Num(value::$meth($mx $(, $my)* $(, $mp)?)) })*
                    $(Op::$Cmp => { let [$cx, $cy] = floats(args); Value::Mask(value::$cmp($cx, $cy)) })*
                    Op::And => Value::Mask(args[0].truth() & args[1].truth()),
                    Op::Or => Value::Mask(args[0].truth() | args[1].truth()),
                    Op::Not => Value::Mask(!args[0].truth()),
                    Op::Select => Value::Num(M::select(args[0].truth(), args[1].num(), args[2].num())),
                }
            }

            /// The value in any user-facing arithmetic: numbers, duals, graph handles.
            ///
            /// # Panics
            /// If the operands do not fit [`Op::operands`].
            #[track_caller]
            pub fn apply<S: Real>(self, args: &[Value<S, S::Mask>]) -> Value<S, S::Mask> {
                match self {
                    $(Op::$Oper => { let [$ox $(, $oy)*] = floats(args); Value::Num(std::ops::$Oper::$oper($ox $(, $oy)*)) })*
                    $(Op::$Meth $(($mp))? => { let [$mx $(, $my)*] = floats(args); Value::Num(S::$meth($mx $(, $my)* $(, $mp)?)) })*
                    $(Op::$Cmp => { let [$cx, $cy] = floats(args); Value::Mask(S::$cmp($cx, $cy)) })*
                    Op::And => Value::Mask(args[0].truth() & args[1].truth()),
                    Op::Or => Value::Mask(args[0].truth() | args[1].truth()),
                    Op::Not => Value::Mask(!args[0].truth()),
                    Op::Select => Value::Num(S::select(args[0].truth(), args[1].num(), args[2].num())),
                }
            }

            /// The edge to each operand, given the operands and the result `z`; masks carry no derivative.
            #[track_caller]
            pub fn edges<S: Real>(self, args: &[Value<S, S::Mask>], z: Value<S, S::Mask>) -> [EdgeMap<S>; 3] {
                match self {
                    $(Op::$Oper => { let [$ox $(, $oy)*] = floats(args); pad(rule::$oper($ox $(, $oy)*, z.num())) })*
                    $(Op::$Meth $(($mp))? => { let [$mx $(, $my)*] = floats(args); pad(rule::$meth($mx $(, $my)* $(, $mp)?, z.num())) })*
                    $(Op::$Cmp => [EdgeMap::Zero; 3],)*
                    Op::And | Op::Or | Op::Not => [EdgeMap::Zero; 3],
                    Op::Select => [EdgeMap::Zero, EdgeMap::Where(args[0].truth()), EdgeMap::Where(!args[0].truth())],
                }
            }
        }
    };
}
op_table! { define_ops }

impl Op {
    /// The number of operands.
    pub fn arity(self) -> usize {
        self.operands().len()
    }

    /// Whether value and partial derivatives are finite at every finite point, overflow of sums, products and powers aside.
    pub(crate) fn is_tame(self) -> bool {
        use Op::*;
        match self {
            Powi(n) => n >= 0,
            Add | Sub | Mul | Neg | MulAdd | Detach | Sin | Cos | Atan | Tanh | Asinh | Sigmoid | Softplus | Relu | LeakyRelu => {
                true
            }
            Abs | Signum | Copysign | Floor | Ceil | Round | Trunc | Fract | Min | Max | Clamp | Hypot | Atan2 => true,
            LogAddExp | Erf | Erfc | NormCdf | Select => true,
            Lt | Le | Gt | Ge | Eq | Ne | And | Or | Not => true,
            _ => false,
        }
    }

    /// Whether the operands may change places without changing a bit of the result (all NaNs counting as equal).
    pub fn is_commutative(self) -> bool {
        matches!(self, Op::Add | Op::Mul | Op::MulAdd | Op::Eq | Op::Ne | Op::And | Op::Or | Op::Hypot)
    }
}

/// As in the text form: the name, and the parameter of an operation that has one, as `powi[3]`.
impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())?;
        self.parameter().map_or(Ok(()), |n| write!(f, "[{n}]"))
    }
}

#[inline(always)]
fn floats<N: Copy, M: Copy, const K: usize>(args: &[Value<N, M>]) -> [N; K] {
    std::array::from_fn(|k| args[k].num())
}

fn pad<S: Real, const K: usize>(edges: [EdgeMap<S>; K]) -> [EdgeMap<S>; 3] {
    std::array::from_fn(|k| edges.get(k).copied().unwrap_or(EdgeMap::Zero))
}
