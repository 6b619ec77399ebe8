//! The operations as values, and the rows' edges: projections of the table.

#![allow(unused_variables, reason = "a rule need not use every operand, nor the result")]

use super::edge::EdgeMap;
use super::real::{Real, lit};
use super::table::op_table;
use super::value::{DType, Value};
use super::{conventions, primal};
use crate::base::Machine;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E, LOG10_E};

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
                    $(Op::$Oper => { let [$ox $(, $oy)*] = floats(args); Value::Num(primal::$oper($ox $(, $oy)*)) })*
                    $(Op::$Meth $(($mp))? => { let [$mx $(, $my)*] = floats(args); Value::Num(primal::$meth($mx $(, $my)* $(, $mp)?)) })*
                    $(Op::$Cmp => { let [$cx, $cy] = floats(args); Value::Mask(primal::$cmp($cx, $cy)) })*
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
            Add | Sub | Mul | Neg | MulAdd | Detach | Sin | Cos | Atan | Tanh | SechSquared | Asinh | Sigmoid
            | LogisticDensity | Softplus | Relu | LeakyRelu => true,
            Abs | Signum | Copysign | Floor | Ceil | Round | Trunc | Fract | Min | Max | Clamp | Hypot | Direction | Atan2 => {
                true
            }
            LogAddExp | Erf | Erfc | NormCdf | Select => true,
            Lt | Le | Gt | Ge | Eq | Ne | And | Or | Not => true,
            _ => false,
        }
    }

    /// Whether an operand's edge is 0 by construction where a condition fails.
    pub(crate) fn guards(self) -> bool {
        use Op::*;
        matches!(self, Select | Min | Max | Clamp | Relu | LeakyRelu | Abs | Hypot | Direction | Atan2)
    }

    /// Whether no operand carries a derivative.
    pub(crate) fn is_step(self) -> bool {
        use Op::*;
        matches!(self, Detach | Signum | Floor | Ceil | Round | Trunc)
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
