//! Which operations are nothing but a call of a routine of the libraries, or of the kernel that stands for it.

use super::operation::Op;
use crate::kernels;

macro_rules! calls {
    ($($Op:ident $NAME:ident)*) => {
        /// The operation that is nothing but a call of the routine with this name.
        pub(crate) fn op_of_library(name: &str) -> Option<Op> {
            match name {
                $(name if name == kernels::$NAME.name => Some(Op::$Op),)*
                _ => None,
            }
        }

        impl Op {
            /// The name of the routine that the operation is nothing but a call of.
            pub(crate) fn library(self) -> Option<&'static str> {
                match self {
                    $(Op::$Op => Some(kernels::$NAME.name),)*
                    _ => None,
                }
            }

            /// The operation that shares most of this one's work on a number, as a derivative does, and what native code calls the routines of both.
            pub(crate) fn companion(self) -> Option<(Op, kernels::Both)> {
                let (second, both) = kernels::companion(self.library()?)?;
                Some((op_of_library(second)?, both))
            }
        }
    };
}
calls! {
    Cbrt CBRT
    Exp EXP
    Exp2 EXP2
    ExpM1 EXP_M1
    Ln LN
    Ln1p LN_1P
    Log2 LOG2
    Log10 LOG10
    Sin SIN
    Cos COS
    Tan TAN
    Asin ASIN
    Acos ACOS
    Atan ATAN
    Sinh SINH
    Cosh COSH
    Tanh TANH
    SechSquared SECH_SQUARED
    Asinh ASINH
    Acosh ACOSH
    Atanh ATANH
    Erf ERF
    Erfc ERFC
    NormCdf NORM_CDF
    Sigmoid SIGMOID
    LogisticDensity LOGISTIC_DENSITY
    Softplus SOFTPLUS
    Lgamma LGAMMA
    Digamma DIGAMMA
    Powf POWF
    Hypot HYPOT
    Atan2 ATAN2
    Rem REM
}
