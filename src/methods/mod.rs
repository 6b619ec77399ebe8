//! The methods of [`Function`](crate::Function) that the layers below offer: documentation and a call each. What a function *is* stands in
//! `graph/function.rs`.

mod run;
mod transform;
