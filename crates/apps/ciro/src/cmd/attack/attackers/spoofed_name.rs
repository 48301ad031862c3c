//! Names that print as something else.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;
use ciro_state::{Action, ModelAction};
use ciro_test_models::relu;
use ciro_types::{Amount, Hash32, ModelRoots, encode};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "spoofed-name",
    does: "uploads and registers models whose names clear the screen, run backwards or print a verdict",
    must: "no such name is stored or registered",
    needs: Needs::Money,
    attack,
};

const NAMES: [&str; 6] = [
    "\u{1b}[2K\rVALID",
    "good\nvalid: proven by every validator",
    "\u{202e}dilav",
    "mo\u{200b}del",
    "bell\u{7}",
    "\u{85}next line",
];

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let villain = arena.funded(Amount::ciro(50))?;
    for name in NAMES {
        let mut model = relu(0);
        model.program.name = name.into();
        let uploaded = arena.post("/v1/models", "application/octet-stream", &encode(&model)).status;
        let program = encode(&model.program);
        let registered = villain
            .act(Action::Model(ModelAction::Register {
                program,
                roots: ModelRoots { key: Hash32([2; 32]), weights: Hash32([1; 32]) },
            }))
            .status;
        let refused = ensure(uploaded != 200, || format!("a model called {name:?} was stored"))
            .and_then(|()| ensure(registered != 200, || format!("a model called {name:?} was registered")));
        if let Err(won) = refused {
            return Ok(Err(won));
        }
    }
    Ok(Ok(format!("{} names were refused twice", NAMES.len())))
}
