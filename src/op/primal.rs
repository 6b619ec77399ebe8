//! The rows' values, one function each, over [`Machine`].

use super::table::op_table;
use crate::base::Machine;
use crate::kernels;

macro_rules! define_values {
    (
        operators { $($(#[$od:meta])* $Oper:ident $oper:ident($ox:ident $(, $oy:ident)*) = $oval:expr, |$oz:ident| [$($oedge:expr),+];)* }
        methods { $($(#[$md:meta])* $Meth:ident $({$mp:ident: $mpt:ty = $sample:literal})? $meth:ident($mx:ident $(, $my:ident)*) = $mval:expr, |$mz:ident| [$($medge:expr),+];)* }
        comparisons { $($(#[$cd:meta])* $Cmp:ident $cmp:ident($cx:ident, $cy:ident) = $cval:expr;)* }
    ) => {
        $(#[inline(always)] pub(crate) fn $oper<M: Machine>($ox: M $(, $oy: M)*) -> M { $oval })*
        $(#[inline(always)] pub(crate) fn $meth<M: Machine>($mx: M $(, $my: M)* $(, $mp: $mpt)?) -> M { $mval })*
        $(#[inline(always)] pub(crate) fn $cmp<M: Machine>($cx: M, $cy: M) -> M::Mask { $cval })*
    };
}
op_table! { define_values }
