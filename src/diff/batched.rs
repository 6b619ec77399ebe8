//! Operations with bodies in many sweeps at once: their bodies are differentiated once, and mapped over the seeds. Where there are fewer operands
//! or results than seeds, the Jacobian of the operation itself is swept instead, and the sweeps around multiply by its entries.

use super::groups::{Group, is_part, refused};
use super::linear::{Back, Linear};
use crate::base::{Axis, Shape};
use crate::error::Result;
use crate::eval::outputs_at;
use crate::graph::{Expr, Function, Located, NodeId, Port};
use crate::op::{DType, Real, lit};
use crate::vmap::vmap;
use rustc_hash::FxHashMap;

/// By operand or result, a number for every seed; `None` where it is 0.
pub(super) type Seeds = Vec<Vec<Option<Expr>>>;

impl Linear<'_, Expr> {
    /// Sweeps backward from several seeds. Operations that were put aside are met once for all of them.
    pub(super) fn reverse_all(&self, seeds: Vec<Vec<(NodeId, Expr)>>) -> Vec<Vec<Option<Expr>>> {
        if !self.groups.any(Group::is_outlined) {
            return seeds.into_iter().map(|seeds| self.reverse(seeds)).collect();
        }
        let located = Located::new();
        let mut all: Vec<Back<Expr>> = seeds.into_iter().map(Back::new).collect();
        let most = all.iter().map(|back| back.len()).max().unwrap_or(0);
        for id in (0..most).rev().map(NodeId::new) {
            match self.groups.of(id).filter(|group| group.is_outlined()) {
                Some(group) if group.members[0].1 == id => {
                    let results = group.members.iter().map(|(_, result)| *result);
                    let given = |result: NodeId| all.iter().map(|back| back.of(result)).collect::<Vec<_>>();
                    let given: Seeds = results.map(given).collect();
                    let met: Vec<usize> = (0..all.len()).filter(|&k| given.iter().any(|each| each[k].is_some())).collect();
                    let given: Seeds = given.into_iter().map(|each| met.iter().map(|&k| each[k]).collect()).collect();
                    let operands = group.numbers();
                    if met.is_empty() || operands.is_empty() {
                        continue;
                    }
                    self.locate(&located, id);
                    let branches: Vec<u32> = met.iter().map(|&k| all[k].branch_of(self, group)).collect();
                    for (operand, each) in operands.into_iter().zip(group.pull_all(self, &given)) {
                        for ((&k, &branch), value) in met.iter().zip(&branches).zip(each) {
                            value.into_iter().for_each(|value| all[k].add_from(branch, group.operands[operand], value));
                        }
                    }
                }
                Some(_) => {}
                None => all.iter_mut().filter(|back| id.index() < back.len()).for_each(|back| back.node(self, &located, id)),
            }
        }
        all.into_iter().map(Back::finished).collect()
    }
}

impl Group<'_> {
    /// Whether it is a part of a function of numbers that was put aside.
    pub(super) fn is_outlined(&self) -> bool {
        is_part(self.control)
    }

    /// The tangents of the members, for tangents of the operands in all of some directions.
    ///
    /// Entries are not multiplied by tangents that may be a guard's zeros.
    pub(super) fn push_all(&self, linear: &Linear<Expr>, tangents: &Seeds, guarded: &[bool]) -> Seeds {
        let swept: Vec<usize> = (0..tangents.len()).filter(|&k| tangents[k].iter().any(Option::is_some)).collect();
        let seeds = tangents.first().map_or(0, Vec::len);
        if seeds <= swept.len().min(self.members.len()) || guarded.contains(&true) {
            return self.forward(linear, tangents, guarded).unwrap_or_else(refused);
        }
        let jacobian = self.jacobian(linear, &swept, &vec![true; self.members.len()]);
        let entry = |row: &Vec<Option<Expr>>, seed: usize| {
            let terms = swept.iter().zip(row).filter_map(|(&k, entry)| Some((tangents[k][seed]?, (*entry)?)));
            terms.map(product).reduce(|sum, term| sum + term)
        };
        jacobian.iter().map(|row| (0..seeds).map(|seed| entry(row, seed)).collect()).collect()
    }

    /// The adjoints of the active operands, in the order of all operands, for adjoints of the members in all of some sweeps.
    pub(super) fn pull_all(&self, linear: &Linear<Expr>, adjoints: &Seeds) -> Seeds {
        let active = self.numbers();
        let wanted: Vec<bool> = adjoints.iter().map(|each| each.iter().any(Option::is_some)).collect();
        let swept: Vec<usize> = (0..wanted.len()).filter(|&k| wanted[k]).collect();
        let seeds = adjoints.first().map_or(0, Vec::len);
        if seeds <= swept.len().min(active.len()) {
            return self.reverse(linear, adjoints).unwrap_or_else(refused);
        }
        let jacobian = self.jacobian(linear, &active, &wanted);
        let entry = |column: usize, seed: usize| {
            let terms = swept.iter().zip(&jacobian).filter_map(|(&k, row)| Some((adjoints[k][seed]?, row[column]?)));
            terms.map(product).reduce(|sum, term| sum + term)
        };
        (0..active.len()).map(|column| (0..seeds).map(|seed| entry(column, seed)).collect()).collect()
    }

    /// The operands that are differentiated by.
    pub(super) fn numbers(&self) -> Vec<usize> {
        let inputs = self.control.body().inputs();
        (0..self.operands.len()).filter(|&k| self.active[k] && inputs[k].dtype() == DType::Float).collect()
    }

    /// The derivatives of the wanted members by these operands, in the mode that takes fewer sweeps.
    fn jacobian(&self, linear: &Linear<Expr>, columns: &[usize], wanted: &[bool]) -> Seeds {
        let rows: Vec<usize> = (0..wanted.len()).filter(|&k| wanted[k]).collect();
        let one_hot = |len: usize, swept: &[usize]| -> Seeds {
            let mut seeds = vec![vec![None; swept.len()]; len];
            swept.iter().enumerate().for_each(|(seed, &k)| seeds[k][seed] = Some(lit(1.0)));
            seeds
        };
        if columns.len() <= rows.len() {
            let made = self.forward(linear, &one_hot(self.operands.len(), columns), &[]).unwrap_or_else(refused);
            return made.into_iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(row, _)| row).collect();
        }
        let made = self.reverse(linear, &one_hot(self.members.len(), &rows)).unwrap_or_else(refused);
        let by_operand: FxHashMap<usize, Vec<Option<Expr>>> = self.numbers().into_iter().zip(made).collect();
        let entry = |k: &usize, row: usize| by_operand.get(k).and_then(|column| column[row]);
        (0..rows.len()).map(|row| columns.iter().map(|k| entry(k, row)).collect()).collect()
    }

    fn ports(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.iter().map(|(port, _)| match port {
            Port::Final(k) => *k as usize,
            _ => unreachable!("only loops have other results"),
        })
    }

    /// A sweep forward for every seed.
    fn forward(&self, linear: &Linear<Expr>, tangents: &Seeds, guarded: &[bool]) -> Result<Seeds> {
        let body = self.control.body();
        let marked: Vec<bool> = tangents.iter().map(|each| each.iter().any(Option::is_some)).collect();
        let mut wanted = vec![false; body.output_len()];
        self.ports().for_each(|k| wanted[k] = true);
        let sweep = (self.bodies.jvp)(&body.marked(&marked, &wanted), guarded)?;
        let given: Vec<&Vec<Option<Expr>>> = tangents.iter().filter(|each| each.iter().any(Option::is_some)).collect();
        let results = swept(sweep, body, &linear.operands(self), tangents[0].len(), &given)?;
        let result = |k: usize| results[wanted[..k].iter().filter(|wanted| **wanted).count()].clone();
        Ok(self.ports().map(result).collect())
    }

    /// A sweep backward for every seed.
    fn reverse(&self, linear: &Linear<Expr>, adjoints: &Seeds) -> Result<Seeds> {
        let (body, active) = (self.control.body(), self.numbers());
        let mut wanted = vec![false; body.output_len()];
        self.ports().zip(adjoints).for_each(|(k, each)| wanted[k] = each.iter().any(Option::is_some));
        let marked: Vec<bool> = (0..self.operands.len()).map(|k| active.contains(&k)).collect();
        let sweep = (self.bodies.vjp)(&body.marked(&marked, &wanted))?;
        let mut by_port: Vec<(usize, &Vec<Option<Expr>>)> = self.ports().zip(adjoints).filter(|(k, _)| wanted[*k]).collect();
        by_port.sort_by_key(|(k, _)| *k);
        let given: Vec<&Vec<Option<Expr>>> = by_port.into_iter().map(|(_, each)| each).collect();
        swept(sweep, body, &linear.operands(self), adjoints[0].len(), &given)
    }
}

/// What a sweep over a body gives behind the body's results, for every seed.
fn swept(sweep: Function, body: &Function, values: &[Expr], seeds: usize, given: &[&Vec<Option<Expr>>]) -> Result<Seeds> {
    let sweep = sweep.with_outputs(body.output_len()..);
    if seeds == 1 {
        let given = given.iter().map(|each| each[0].unwrap_or(lit(0.0)));
        let args: Vec<Expr> = values.iter().copied().chain(given).collect();
        return Ok(outputs_at(&sweep, &args)?.into_iter().map(|y| vec![Some(y)]).collect());
    }
    let names: Vec<String> = sweep.inputs()[values.len()..].iter().map(|group| group.name().to_owned()).collect();
    let mapped = vmap(&sweep, Axis::Fixed(seeds), names)?;
    let args: Vec<Expr> = values.iter().copied().chain(given.iter().map(|each| together(each))).collect();
    Ok(outputs_at(&mapped, &args)?.into_iter().map(|y| apart(y, seeds)).collect())
}

/// Numbers along an axis.
fn together(all: &[Option<Expr>]) -> Expr {
    let mut present = all.iter().enumerate().filter_map(|(k, x)| Some((k, (*x)?)));
    match (present.next(), present.next()) {
        (None, _) => Expr::full(0.0, Shape::new([Axis::Fixed(all.len())])),
        (Some((k, one)), None) if one.known() == Some(1.0) => Expr::eye(all.len()).at(0, k),
        _ => Expr::stack(&all.iter().map(|x| x.unwrap_or(lit(0.0))).collect::<Vec<_>>(), 0),
    }
}

fn apart(all: Expr, len: usize) -> Vec<Option<Expr>> {
    (0..len).map(|k| Some(all.at(0, k))).collect()
}

/// A seed times an entry.
fn product((seed, entry): (Expr, Expr)) -> Expr {
    if seed.known() == Some(1.0) { entry } else { entry * seed }
}
