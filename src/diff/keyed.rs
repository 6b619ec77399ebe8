//! Forward mode for several directions in one walk: each number's tangents by direction, of which only those that an output asks for are made.

use super::batched::Seeds;
use super::first::BODIES;
use super::groups::refused;
use super::kept::keeping;
use super::linear::Linear;
use super::outline::outlined;
use super::within::Masked;
use crate::base::sets;
use crate::base::sets::{Set, columns, union, union_all};
use crate::error::Result;
use crate::graph::{Expr, Function, Located, NewOutput, NodeId};
use crate::op::lit;
use rustc_hash::FxHashMap;
use std::panic::Location;

/// Products with a function's Jacobian: which directions, and which numbers of the products are wanted. Columns are the numbers of the
/// active inputs, rows those of the differentiated outputs.
pub(crate) struct Products<'a> {
    /// By column, the direction that has a 1 there.
    pub(crate) columns: &'a [Option<u32>],
    /// By row, the combination that has a 1 there.
    pub(crate) rows: &'a [Option<u32>],
    /// A row of a product with a direction.
    pub(crate) forward: &'a [(usize, u32)],
    /// A column of a product with a combination of rows.
    pub(crate) reverse: &'a [(u32, usize)],
}

/// A function whose one output is made of the wanted numbers: first those of `forward`, then those of `reverse`. What the function uses inside,
/// arrays and loops, is met once by all sweeps.
pub(crate) fn products(
    f: &Function,
    name: &str,
    products: &Products,
    at: &'static Location<'static>,
    combine: impl FnOnce(Vec<Expr>) -> Vec<Expr>,
) -> Result<Function> {
    // What the sweeps back ask to be kept is what the values come from, too.
    let f = &if products.reverse.is_empty() { outlined(f)? } else { outlined(&keeping(f)?)? };
    let slots = f.active_slots();
    let rows: Vec<NodeId> = f.differentiable().flat_map(|y| y.nodes().iter().copied()).collect();
    Function::build(f.width(), f.inputs().to_vec(), at, |x| {
        let linear = Linear::outlined(f, x, BODIES);
        let mut wanted: FxHashMap<usize, Vec<u32>> = FxHashMap::default();
        products.forward.iter().for_each(|&(row, key)| wanted.entry(row).or_default().push(key));
        let wants = wanted.into_iter().map(|(row, mut keys)| {
            keys.sort_unstable();
            keys.dedup();
            (rows[row], sets::of(keys))
        });
        let seeds = slots.iter().zip(products.columns).filter_map(|(&slot, key)| Some((slot, (*key)?)));
        let tangents = linear.forward_keyed(seeds, &wants.collect::<Vec<_>>());
        let tangent = |&(row, key): &(usize, u32)| {
            let all: &[(u32, Expr)] = tangents.get(&rows[row]).map_or(&[], |all| all);
            all.binary_search_by_key(&key, |t| t.0).map_or(lit(0.0), |at| all[at].1)
        };
        let mut values: Vec<Expr> = products.forward.iter().map(tangent).collect();
        let sweeps = products.rows.iter().flatten().max().map_or(0, |most| most + 1);
        let mut adjoints: Vec<Vec<Option<Expr>>> = Vec::new();
        let mut by_sweep: Vec<Vec<(NodeId, Expr)>> = vec![vec![]; sweeps as usize];
        for (&row, key) in rows.iter().zip(products.rows) {
            if let Some(key) = key {
                by_sweep[*key as usize].push((row, lit(1.0)));
            }
        }
        for mut all in linear.reverse_all(by_sweep) {
            all.truncate(f.input_len());
            adjoints.push(all);
        }
        let adjoint =
            |&(key, column): &(u32, usize)| adjoints[key as usize].get(slots[column]).copied().flatten().unwrap_or(lit(0.0));
        values.extend(products.reverse.iter().map(adjoint));
        vec![NewOutput::new(name, combine(values))]
    })
}

impl Linear<'_, Expr> {
    /// By node that something is wanted of, its tangents in the wanted directions, ascending; what is not there is 0. A seed is an
    /// input's slot and the direction that it is in.
    fn forward_keyed(
        &self,
        seeds: impl Iterator<Item = (usize, u32)>,
        wants: &[(NodeId, Set)],
    ) -> FxHashMap<NodeId, Vec<(u32, Expr)>> {
        let len = self.values.len();
        let mut wanted: Vec<Set> = vec![None; len];
        let mut last = vec![0u32; len];
        for (id, set) in wants {
            wanted[id.index()] = union(wanted[id.index()].take(), set.clone());
            last[id.index()] = u32::MAX;
        }
        for id in (0..len).rev().map(NodeId::new) {
            if let Some(group) = self.groups.of(id) {
                // All results at once, where the first stands.
                if group.members[0].1 == id {
                    let own = union_all(group.members.iter().map(|(_, result)| &wanted[result.index()]));
                    for operand in &group.operands {
                        let set = &mut wanted[operand.index()];
                        *set = union(set.take(), own.clone());
                        last[operand.index()] = last[operand.index()].max(id.0);
                    }
                }
                continue;
            }
            let Some(own) = wanted[id.index()].clone() else { continue };
            for (operand, _) in self.edges(id) {
                let set = &mut wanted[operand.index()];
                *set = union(set.take(), Some(own.clone()));
                last[operand.index()] = last[operand.index()].max(id.0);
            }
        }
        let mut tangents: Vec<Keyed> = vec![vec![]; len];
        for (slot, key) in seeds {
            if columns(&wanted[slot]).binary_search(&key).is_ok() {
                tangents[slot] = vec![(key, Masked::free(lit(1.0)))];
            }
        }
        let located = Located::new();
        for id in (0..len).map(NodeId::new) {
            if let Some(group) = self.groups.of(id) {
                if group.members[0].1 == id {
                    self.locate(&located, id);
                    let keys = union_all(group.members.iter().map(|(_, result)| &wanted[result.index()]));
                    let given: Vec<Keyed> = group.operands.iter().map(|operand| tangents[operand.index()].clone()).collect();
                    let in_direction = |key: u32| -> Vec<Option<Masked<Expr>>> { given.iter().map(|of| at(of, key)).collect() };
                    let values = |all: &[Option<Masked<Expr>>]| all.iter().map(|t| t.map(|t| t.value)).collect::<Vec<_>>();
                    let guarded =
                        |all: &[Option<Masked<Expr>>]| all.iter().map(|t| t.is_some_and(Masked::is_guarded)).collect::<Vec<_>>();
                    if group.is_outlined() {
                        let reaches = |key: &u32| given.iter().any(|of| at(of, *key).is_some());
                        let keys: Vec<u32> = columns(&keys).iter().copied().filter(reaches).collect();
                        let seed = |of: &Keyed| keys.iter().map(|&key| at(of, key).map(|t| t.value)).collect();
                        let seeds: Seeds = given.iter().map(seed).collect();
                        let guarded: Vec<bool> = given.iter().map(|of| of.iter().any(|(_, t)| t.is_guarded())).collect();
                        let pushed = if keys.is_empty() { vec![] } else { group.push_all(self, &seeds, &guarded) };
                        for (&(_, result), each) in group.members.iter().zip(pushed) {
                            let made =
                                |(&key, t): (&u32, Option<Expr>)| Some((key, self.pushed(group, &in_direction(key), result, t?)));
                            tangents[result.index()] = keys.iter().zip(each).filter_map(made).collect();
                        }
                        continue;
                    }
                    for &key in columns(&keys) {
                        let given = in_direction(key);
                        let pushed = group.push(&self.operands(group), &values(&given), &guarded(&given)).unwrap_or_else(refused);
                        for (result, t) in pushed {
                            let t = self.pushed(group, &given, result, t);
                            tangents[result.index()].push((key, t));
                        }
                    }
                }
                continue;
            }
            if wanted[id.index()].is_none() || self.edges(id).is_empty() {
                continue;
            }
            self.locate(&located, id);
            let keep = columns(&wanted[id.index()]);
            let mut own: Vec<u32> =
                self.edges(id).iter().flat_map(|(operand, _)| &tangents[operand.index()]).map(|t| t.0).collect();
            own.sort_unstable();
            own.dedup();
            own.retain(|key| keep.binary_search(key).is_ok());
            let mut sum: Keyed = Vec::with_capacity(own.len());
            for key in own {
                let given = self.edges(id).iter().map(|(operand, map)| (*operand, map, at(&tangents[operand.index()], key)));
                sum.extend(self.combined(id, given).map(|t| (key, t)));
            }
            for (operand, _) in self.edges(id) {
                if last[operand.index()] == id.0 {
                    tangents[operand.index()] = vec![];
                }
            }
            tangents[id.index()] = sum;
        }
        let values = |all: Keyed| all.into_iter().map(|(key, t)| (key, t.value)).collect::<Vec<_>>();
        wants
            .iter()
            .map(|&(id, _)| (id, values(std::mem::take(&mut tangents[id.index()]))))
            .filter(|(_, t)| !t.is_empty())
            .collect()
    }
}

/// A number's tangents by direction, ascending.
type Keyed = Vec<(u32, Masked<Expr>)>;

/// The one in a direction.
fn at(all: &Keyed, key: u32) -> Option<Masked<Expr>> {
    all.binary_search_by_key(&key, |t| t.0).ok().map(|at| all[at].1)
}
