//! Programs of some hundred bytes whose check takes minutes: `rank-bomb` and `term-bomb`.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;
use ciro_graph::{Ingest, Input, Node, Op, Output, OutputKind, Profile, Program, Security, ValueId, Visibility};
use ciro_state::{Action, ModelAction};
use ciro_types::{Amount, Hash32, ModelRoots, encode};
use std::time::{Duration, Instant};

pub(crate) const RANK: Attacker = Attacker {
    name: "rank-bomb",
    does: "registers and uploads a program that reshapes a value to thousands of dimensions",
    must: "it is refused at once, or costs what it says: jobs are served meanwhile",
    needs: Needs::Money,
    attack: |arena| explode(arena, &rank_bomb(1 << 12)),
};

pub(crate) const TERM: Attacker = Attacker {
    name: "term-bomb",
    does: "registers and uploads a program that adds a value to itself until it has a million terms",
    must: "it is refused at once, or costs what it says: jobs are served meanwhile",
    needs: Needs::Money,
    attack: |arena| explode(arena, &term_bomb(1 << 12, 20)),
};

/// Longer than an honest refusal takes on a busy machine, shorter than either bomb.
const FUSE: Duration = Duration::from_secs(10);

fn explode(arena: &mut Arena, program: &Program) -> Result<Verdict, CliError> {
    let villain = arena.funded(Amount::ciro(50))?;
    let model = ciro_graph::Model { program: program.clone(), weights: Vec::new() };
    let started = Instant::now();
    let uploaded = arena.post("/v1/models", "application/octet-stream", &encode(&model)).status;
    let action = Action::Model(ModelAction::Register {
        program: encode(program),
        roots: ModelRoots { key: Hash32([2; 32]), weights: Hash32([1; 32]) },
    });
    let registered = villain.act(action).status;
    let took = started.elapsed();
    let lost = ensure(took < FUSE, || format!("the node was busy with it for {} s", took.as_secs()));
    let served = lost.and_then(|()| arena.honest_job("a4").map(drop));
    Ok(served.map(|()| format!("answered {uploaded} and {registered} in {} ms", took.as_millis())))
}

fn bomb(shape: &[u32]) -> Program {
    let ingest = Ingest::Fixed { exponents: vec![0], lo: 0, hi: 1 };
    Program {
        name: "bomb".into(),
        inputs: vec![Input { name: "x".into(), shape: shape.to_vec(), ingest }],
        constants: Vec::new(),
        nodes: Vec::new(),
        outputs: Vec::new(),
        columns: Vec::new(),
        limb_bits: 8,
        profile: Profile::Native,
        security: Security::Bits100,
        visibility: Visibility::default(),
        batch: 1,
    }
}

fn output(program: &mut Program, value: u32, shape: &[u32]) {
    let kind = OutputKind::Fixed { frac_bits: 0 };
    program.outputs.push(Output { name: "y".into(), value: ValueId(value), shape: shape.to_vec(), kind });
}

/// A value of one element with this many dimensions.
fn rank_bomb(rank: usize) -> Program {
    let mut program = bomb(&[1]);
    program.nodes.push(Node { op: Op::Reshape { x: ValueId(0) }, shape: vec![1; rank], lo: 0, hi: 1 });
    output(&mut program, 1, &[1]);
    program
}

/// A value of `length` elements, doubled so many times.
fn term_bomb(length: u32, doublings: u32) -> Program {
    let mut program = bomb(&[length]);
    for n in 0..doublings {
        let op = Op::Add { a: ValueId(n), b: ValueId(n) };
        program.nodes.push(Node { op, shape: vec![length], lo: 0, hi: 2 << n });
    }
    output(&mut program, doublings, &[length]);
    program
}
