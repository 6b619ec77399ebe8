//! The op table. A row is all there is to say of an operation: its formula (the documentation), its name and operands, its
//! value over [`Machine`], and for each operand the [`EdgeMap`] of its partial derivative over [`Real`].
//!
//! `op_table!(callback)` hands the rows to a macro `callback`; the enum, both arithmetic traits, duals and graph handles
//! are projections of the same rows. An operation without a rule does not parse, hence does not compile.

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
            Div div(x, y) = x / y, |z| [EdgeMap::Steep(y.recip()), EdgeMap::Twice(-z, y.recip())];
            /// The remainder x − y·trunc(x/y), with the sign of x.
            Rem rem(x, y) = x.kernel2(y, kernels::Rem), |z| [EdgeMap::Id, EdgeMap::Steep(-((x - z) / y).round())];
            /// −x
            Neg neg(x) = -x, |z| [EdgeMap::Flip];
        }
        methods {
            /// The same value, but a constant to every derivative.
            Detach detach(x) = x, |z| [EdgeMap::Zero];
            /// 1 / x
            Recip recip(x) = x.k(1.0) / x, |z| [EdgeMap::Twice(-z, z)];
            /// x·y + a, rounded once.
            MulAdd mul_add(x, y, a) = x.fma(y, a), |z| [y, x, EdgeMap::Id];
            /// xⁿ for an integer n, also 0 (where it is 1 for every x) and negative.
            Powi{n: i32 = 3} powi(x) = kernels::powi(x, n), |z| [conventions::powi_edge(x, n, z)];
            /// xʸ. ∂/∂y is z·ln x; at x = 0 it is 0 for y ≥ 0.
            Powf powf(x, y) = x.kernel2(y, kernels::Powf), |z| [
                EdgeMap::Singular(S::select(y.ne(lit(0.0)) | x.abs().gt(lit(0.0)), y.joint_product(x.powf(y - lit(1.0))), lit(0.0))),
                EdgeMap::Strong(z * S::select(x.eq(lit(0.0)), lit(1.0), x).ln())
            ];
            /// √x, with the derivative ∞ at 0.
            Sqrt sqrt(x) = x.sqrt(), |z| [EdgeMap::Singular(lit::<S>(0.5) / z)];
            /// ∛x, with the derivative ∞ at 0.
            Cbrt cbrt(x) = x.kernel1(kernels::Cbrt), |z| [EdgeMap::Singular((lit::<S>(3.0) * z * z).recip())];
            /// √(x² + y²) without overflow; both derivatives are 0 at the origin.
            Hypot hypot(x, y) = x.kernel2(y, kernels::Hypot), |z| [
                EdgeMap::ScaleWhere(z.ne(lit(0.0)), x.direction(y)),
                EdgeMap::ScaleWhere(z.ne(lit(0.0)), y.direction(x))
            ];
            /// x / √(x² + y²), the cosine of the angle of the point (x, y), also where the root overflows; 0 at the origin, with the
            /// derivatives 0.
            Direction direction(x, y) = kernels::direction(x, y), |z| [
                conventions::turn(x, y, y.direction(x)),
                conventions::turn(x, y, -z)
            ];
            /// eˣ
            Exp exp(x) = x.kernel1(kernels::Exp), |z| [EdgeMap::Steep(z)];
            /// 2ˣ
            Exp2 exp2(x) = x.kernel1(kernels::Exp2), |z| [EdgeMap::Steep(z.joint_product(lit(LN_2)))];
            /// eˣ − 1, accurate near 0.
            ExpM1 exp_m1(x) = x.kernel1(kernels::ExpM1), |z| [EdgeMap::Steep(x.exp())];
            /// The natural logarithm.
            Ln ln(x) = x.kernel1(kernels::Ln), |z| [EdgeMap::Singular(x.recip())];
            /// ln(1 + x), accurate near 0.
            Ln1p ln_1p(x) = x.kernel1(kernels::Ln1p), |z| [EdgeMap::Singular((lit::<S>(1.0) + x).recip())];
            /// The logarithm to base 2.
            Log2 log2(x) = x.kernel1(kernels::Log2), |z| [EdgeMap::Singular(x.recip().joint_product(lit(LOG2_E)))];
            /// The logarithm to base 10.
            Log10 log10(x) = x.kernel1(kernels::Log10), |z| [EdgeMap::Singular(x.recip().joint_product(lit(LOG10_E)))];
            /// The logarithm of x to base b, ln x / ln b.
            Log log(x, b) = x.kernel1(kernels::Ln) / b.kernel1(kernels::Ln), |z| [
                EdgeMap::Steep(b.ln().recip() / x),
                EdgeMap::Steep(-(z / b.ln() / b))
            ];
            /// sin x
            Sin sin(x) = x.kernel1(kernels::Sin), |z| [x.cos()];
            /// cos x
            Cos cos(x) = x.kernel1(kernels::Cos), |z| [-x.sin()];
            /// tan x
            Tan tan(x) = x.kernel1(kernels::Tan), |z| [EdgeMap::Steep(lit::<S>(1.0) + z * z)];
            /// arcsin x
            Asin asin(x) = x.kernel1(kernels::Asin), |z| [EdgeMap::Singular((-x).mul_add(x, lit(1.0)).sqrt().recip())];
            /// arccos x
            Acos acos(x) = x.kernel1(kernels::Acos), |z| [EdgeMap::Singular(-(-x).mul_add(x, lit(1.0)).sqrt().recip())];
            /// arctan x
            Atan atan(x) = x.kernel1(kernels::Atan), |z| [conventions::atan_edge(x)];
            /// The angle of the point (x, y), as `y.atan2(x)`; both derivatives are 0 at the origin.
            Atan2 atan2(y, x) = y.kernel2(x, kernels::Atan2), |z| [
                EdgeMap::ScaleWhere(x.hypot(y).ne(lit(0.0)), x.direction(y) / x.hypot(y)),
                EdgeMap::ScaleWhere(x.hypot(y).ne(lit(0.0)), -(y.direction(x) / x.hypot(y)))
            ];
            /// sinh x
            Sinh sinh(x) = x.kernel1(kernels::Sinh), |z| [EdgeMap::Steep(x.cosh())];
            /// cosh x
            Cosh cosh(x) = x.kernel1(kernels::Cosh), |z| [EdgeMap::Steep(x.sinh())];
            /// tanh x
            Tanh tanh(x) = x.kernel1(kernels::Tanh), |z| [x.sech_squared()];
            /// sech² x = 1 / cosh² x, the derivative of tanh.
            SechSquared sech_squared(x) = x.kernel1(kernels::SechSquared), |z| [-(z * (lit::<S>(2.0) * x.tanh()))];
            /// arsinh x
            Asinh asinh(x) = x.kernel1(kernels::Asinh), |z| [x.hypot(lit(1.0)).recip()];
            /// arcosh x
            Acosh acosh(x) = x.kernel1(kernels::Acosh), |z| [EdgeMap::Singular((x - lit(1.0)).sqrt().recip() * (x + lit(1.0)).sqrt().recip())];
            /// artanh x
            Atanh atanh(x) = x.kernel1(kernels::Atanh), |z| [EdgeMap::Steep((-x).mul_add(x, lit(1.0)).recip())];
            /// The logistic function 1 / (1 + e⁻ˣ), without overflow.
            Sigmoid sigmoid(x) = x.kernel1(kernels::Sigmoid), |z| [x.logistic_density()];
            /// e⁻ˣ / (1 + e⁻ˣ)², the density of the logistic distribution: σ(x)·σ(−x), the derivative of σ.
            LogisticDensity logistic_density(x) = x.kernel1(kernels::LogisticDensity), |z| [-(z * (x * lit(0.5)).tanh())];
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
            Erf erf(x) = x.kernel1(kernels::Erf), |z| [conventions::bell(x, 1.0) * lit(FRAC_2_SQRT_PI)];
            /// 1 − erf x, without cancellation.
            Erfc erfc(x) = x.kernel1(kernels::Erfc), |z| [conventions::bell(x, 1.0) * lit(-FRAC_2_SQRT_PI)];
            /// The standard normal distribution function ½·erfc(−x/√2).
            NormCdf norm_cdf(x) = x.kernel1(kernels::NormCdf), |z| [conventions::bell(x, 0.5) * lit(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2)];
            /// ln |Γ(x)|
            Lgamma lgamma(x) = x.call1(&kernels::LGAMMA), |z| [EdgeMap::Steep(x.digamma())];
            /// ψ(x) = d ln Γ(x)/dx
            Digamma digamma(x) = x.call1(&kernels::DIGAMMA), |z| [EdgeMap::Steep(x.polygamma(1))];
            /// ψ⁽ⁿ⁾(x), the n-th derivative of the digamma function, n ≥ 0.
            Polygamma{n: i32 = 1} polygamma(x) = x.k(n as f64).call2(x, &kernels::POLYGAMMA), |z| [EdgeMap::Steep(x.polygamma(n.saturating_add(1)))];
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
