//! Entries of a list as numbers: a [`Machine`], so that operations and kernels, written once, make the list.

use super::list::{Bin, Kernels, List, Node, V};
use crate::base::{Bits, Kernel1, Kernel2, Lanes, Library1, Library2, Machine, Width};
use crate::kernels::{EXP, Routine};
use std::ops;

/// A number.
#[derive(Copy, Clone)]
pub(super) struct Number<'l> {
    list: &'l List,
    pub(super) v: V,
}

/// Its bits.
#[derive(Copy, Clone)]
pub(super) struct NumberBits<'l>(Number<'l>);

/// A truth value.
#[derive(Copy, Clone)]
pub(super) struct Truth<'l>(pub(super) Number<'l>);

impl<'l> Number<'l> {
    pub(super) fn new(list: &'l List, v: V) -> Number<'l> {
        Number { list, v }
    }

    fn bin(self, op: Bin, y: Self) -> Self {
        Number { v: self.list.bin(op, self.v, y.v), ..self }
    }

    fn node(self, node: Node) -> Self {
        Number { v: self.list.push(node), ..self }
    }

    fn constant(self, bits: u64) -> Self {
        Number { v: self.list.bits(bits), ..self }
    }

    fn known(self) -> Option<u64> {
        match self.list.node(self.v) {
            Node::Const(bits) => Some(bits),
            Node::Flag(holds) => Some(if holds { self.list.ones() } else { 0 }),
            _ => None,
        }
    }

    fn has_masks(self) -> bool {
        self.list.isa.has_masks()
    }

    fn sign(self) -> Self {
        self.constant(self.list.sign())
    }

    fn compare(self, condition: u8, y: Self) -> Truth<'l> {
        Truth(self.node(Node::Compare(condition, self.v, y.v)))
    }

    /// What it is the negative of, and whether it is one.
    fn bare(self) -> (bool, Self) {
        self.list.negated(self.v).map_or((false, self), |v| (true, Number { v, ..self }))
    }

    fn routine(self, name: &str) -> u32 {
        Routine::new(name, self.list.width).expect("libraries and kernels are routines").number()
    }

    /// A routine of it, or of both.
    fn called(self, y: Self, name: &str) -> Self {
        let routine = self.routine(name);
        let Kernels::OfLanes(lanes) = self.list.kernels.get() else {
            return self.node(Node::Call(routine, self.v, y.v));
        };
        let call = |lane: usize| {
            let of = |v: V| self.list.lane(v, lane);
            self.list.push(Node::Call(routine, of(self.v), of(y.v)))
        };
        Number { v: self.list.joined(&(0..lanes).map(call).collect::<Vec<V>>()), ..self }
    }

    /// The routine that computes a kernel, where it is no part of the list.
    fn as_routine(self, [ours, platform]: [&'static str; 2]) -> Option<&'static str> {
        match self.list.kernels.get() {
            Kernels::Called { platform: true } => Some(platform),
            Kernels::Called { platform: false } => Some(ours),
            Kernels::Inline | Kernels::OfLanes(_) => None,
        }
    }
}

impl ops::Add for Number<'_> {
    type Output = Self;
    fn add(self, y: Self) -> Self {
        match (self.bare(), y.bare()) {
            (_, (true, y)) => self.bin(Bin::Sub, y),
            ((true, x), _) => y.bin(Bin::Sub, x),
            _ => self.bin(Bin::Add, y),
        }
    }
}

impl ops::Sub for Number<'_> {
    type Output = Self;
    fn sub(self, y: Self) -> Self {
        match y.bare() {
            (true, y) => self.bin(Bin::Add, y),
            _ => self.bin(Bin::Sub, y),
        }
    }
}

impl ops::Mul for Number<'_> {
    type Output = Self;
    fn mul(self, y: Self) -> Self {
        self.bin(Bin::Mul, y)
    }
}

impl ops::Div for Number<'_> {
    type Output = Self;
    fn div(self, y: Self) -> Self {
        self.bin(Bin::Div, y)
    }
}

impl ops::Neg for Number<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        match self.bare() {
            (true, x) => x,
            _ => self.bin(Bin::Xor, self.sign()),
        }
    }
}

impl ops::BitAnd for Truth<'_> {
    type Output = Self;
    fn bitand(self, y: Self) -> Self {
        let Truth(x) = self;
        Truth(match (x.known(), y.0.known()) {
            _ if !x.has_masks() => x.bin(Bin::And, y.0),
            (Some(0), _) | (None, Some(1..)) => x,
            (_, Some(0)) | (Some(_), _) => y.0,
            _ if x.v == y.0.v => x,
            _ => x.node(Node::Both(x.v, y.0.v)),
        })
    }
}

impl ops::BitOr for Truth<'_> {
    type Output = Self;
    fn bitor(self, y: Self) -> Self {
        let Truth(x) = self;
        Truth(match (x.known(), y.0.known()) {
            _ if !x.has_masks() => x.bin(Bin::Or, y.0),
            (Some(0), _) | (None, Some(1..)) => y.0,
            (_, Some(0)) | (Some(_), _) => x,
            _ if x.v == y.0.v => x,
            _ => x.node(Node::Either(x.v, y.0.v)),
        })
    }
}

impl ops::Not for Truth<'_> {
    type Output = Self;
    fn not(self) -> Self {
        let Truth(x) = self;
        match x.list.node(x.v) {
            // The opposite conditions are four further.
            Node::Compare(condition, a, b) => Truth(x.node(Node::Compare(condition ^ 4, a, b))),
            Node::Flag(holds) => Truth(Number { v: x.list.flag(!holds), ..x }),
            Node::Not(v) => Truth(Number { v, ..x }),
            _ if x.has_masks() => Truth(x.node(Node::Not(x.v))),
            _ => Truth(x.bin(Bin::Xor, x.constant(u64::MAX))),
        }
    }
}

/// Conditions of comparisons, false for NaN; their opposites are true.
const LESS: u8 = 0x11;
const LESS_OR_EQUAL: u8 = 0x12;
const EQUAL: u8 = 0;

/// How to round: down, up, towards 0, without a flag for what is lost.
const DOWN: u8 = 9;
const UP: u8 = 10;
const TOWARDS_ZERO: u8 = 11;

impl<'l> Machine for Number<'l> {
    type Mask = Truth<'l>;
    fn k(self, v: f64) -> Self {
        match self.list.width {
            Width::F32 => self.constant((v as f32).to_bits().into()),
            Width::F64 => self.constant(v.to_bits()),
        }
    }
    fn fma(self, y: Self, z: Self) -> Self {
        let ((p, a), (q, b), (addend, c)) = (self.bare(), y.bare(), z.bare());
        self.node(Node::Fma { product: p != q, addend, args: [a.v, b.v, c.v] })
    }
    fn sqrt(self) -> Self {
        self.node(Node::Sqrt(self.v))
    }
    fn abs(self) -> Self {
        self.bin(Bin::And, self.constant(!self.list.sign()))
    }
    fn floor(self) -> Self {
        self.node(Node::Round(self.v, DOWN))
    }
    fn ceil(self) -> Self {
        self.node(Node::Round(self.v, UP))
    }
    fn trunc(self) -> Self {
        self.node(Node::Round(self.v, TOWARDS_ZERO))
    }
    fn copysign(self, y: Self) -> Self {
        self.abs().bin(Bin::Or, y.bin(Bin::And, y.sign()))
    }
    fn lt(self, y: Self) -> Truth<'l> {
        self.compare(LESS, y)
    }
    fn le(self, y: Self) -> Truth<'l> {
        self.compare(LESS_OR_EQUAL, y)
    }
    fn eq(self, y: Self) -> Truth<'l> {
        self.compare(EQUAL, y)
    }
    fn select(Truth(m): Truth<'l>, a: Self, b: Self) -> Self {
        match (m.known(), a.known(), b.known()) {
            (Some(0), ..) => b,
            (Some(_), ..) => a,
            _ if a.v == b.v => a,
            (None, _, Some(0)) if m.has_masks() => m.node(Node::OrZero(m.v, a.v)),
            // A choice takes longer than one instruction of bits.
            (None, _, Some(0)) => m.bin(Bin::And, a),
            (None, Some(0), _) if !m.has_masks() => m.bin(Bin::AndNot, b),
            _ => m.node(Node::Select(m.v, a.v, b.v)),
        }
    }
    fn call1(self, f: &'static Library1) -> Self {
        self.called(self, f.name)
    }
    fn call2(self, y: Self, f: &'static Library2) -> Self {
        self.called(y, f.name)
    }
    fn library_exp(self) -> Self {
        self.call1(&EXP)
    }
    fn kernel1<K: Kernel1>(self, _: K) -> Self {
        match self.as_routine([K::NAME, K::STD.name]) {
            Some(name) => self.called(self, name),
            None => K::run(self),
        }
    }
    fn kernel2<K: Kernel2>(self, y: Self, _: K) -> Self {
        match self.as_routine([K::NAME, K::STD.name]) {
            Some(name) => self.called(y, name),
            None => K::run(self, y),
        }
    }
}

impl<'l> Lanes for Number<'l> {
    type Bits = NumberBits<'l>;
    fn is_double(self) -> bool {
        self.list.width == Width::F64
    }
    fn kbits(self, v: u64) -> NumberBits<'l> {
        NumberBits(self.constant(v))
    }
    fn bits(self) -> NumberBits<'l> {
        NumberBits(self)
    }
    fn from_bits(bits: NumberBits<'l>) -> Self {
        bits.0
    }
    fn rare(self, m: Truth<'l>, x: Self, f: &'static Library1) -> Self {
        self.node(Node::Rare(self.routine(f.name), [self.v, m.0.v, x.v]))
    }
    fn rare_of_two(self, m: Truth<'l>, x: Self, f: &'static Library2) -> Self {
        self.node(Node::Rare(self.routine(f.name), [self.v, m.0.v, x.v]))
    }
}

macro_rules! bits {
    ($($Trait:ident $method:ident $op:ident;)*) => { $(
        impl ops::$Trait for NumberBits<'_> {
            type Output = Self;
            fn $method(self, y: Self) -> Self {
                NumberBits(self.0.bin(Bin::$op, y.0))
            }
        }
    )* };
}
bits! { Add add WholeAdd; Sub sub WholeSub; BitAnd bitand And; BitOr bitor Or; BitXor bitxor Xor; }

impl Bits for NumberBits<'_> {
    fn shl(self, n: u32) -> Self {
        NumberBits(self.0.node(Node::Left(self.0.v, n as u8)))
    }
    fn shr(self, n: u32) -> Self {
        NumberBits(self.0.node(Node::Right(self.0.v, n as u8)))
    }
}
