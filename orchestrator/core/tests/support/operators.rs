//! What operators and other runs do in a world at random.

use super::model::Model;
use super::{Due, make};
use sortie_core::effect::Work;
use sortie_core::failure::FailureKind;
use sortie_core::ids::AttemptId;
use sortie_core::input::{InputBody, Operator, Said, Scope};
use sortie_core::state::RunState;
use sortie_core::view::Room;

impl Model {
    /// Somebody does something, sensible or not.
    pub(super) fn operator(&mut self) {
        let ann = Operator { if_seq: self.rng.chance(20).then_some(self.world.run().seq), ..Operator::named("ann") };
        match self.rng.below(10) {
            0..3 => self.say(&self.run_scope(), InputBody::Pause(ann)),
            3..5 => self.say(&self.run_scope(), InputBody::Resume(ann)),
            5 => self.say(&self.run_scope(), InputBody::Terminate(ann)),
            6 => self.say(&self.run_scope(), InputBody::Park(make::failure(FailureKind::Nondeterminism))),
            7 | 8 if self.resets > 0 => self.reset(ann),
            _ => self.adopt(ann),
        }
    }

    fn reset(&mut self, operator: Operator) {
        self.resets -= 1;
        self.vm.done_again = true;
        let calls = u64::from(self.world.run().calls);
        let from = self.rng.chance(50).then(|| u32::try_from(self.rng.below(calls + 2)).expect("few"));
        self.say(&Scope::Whole(self.world.run().id.clone()), InputBody::Reset { from, operator });
    }

    /// A result that the machine has is to be taken, whatever became of its attempt.
    fn adopt(&mut self, operator: Operator) {
        let late = self.world.view.attempts.values().filter(|row| row.result_digest.is_none() && self.vm.result(&row.id).is_some());
        let ids: Vec<AttemptId> = late.map(|row| row.id.clone()).collect();
        if ids.is_empty() {
            return;
        }
        let attempt = self.rng.pick(&ids).clone();
        if let Some((digest, Said::Result(said))) = self.vm.result(&attempt) {
            self.say(&Scope::Adopt(attempt.clone()), InputBody::Adopt { attempt, digest, said, operator });
        }
    }

    /// Runs with the same limit come and go; the end of one asks those who are queued.
    pub(super) fn another_run(&mut self) {
        let running = u32::from(self.faults && self.rng.chance(50));
        self.world.room = Some(Room { running, ..Room::default() });
        if self.world.run().state == RunState::Queued && !self.world.is_due(&Work::Start) && running == 0 {
            let due = Due { work: Work::Start, at: self.world.now, fence: 0 };
            self.world.due.insert(Work::Start.key(), due);
        }
    }

    /// In the end, somebody looks after every run that is held, and after most that gave up.
    pub(super) fn let_go_on(&mut self) {
        let ann = Operator::named("ann");
        match self.world.run().state {
            RunState::Paused => self.say(&self.run_scope(), InputBody::Resume(ann)),
            RunState::Parked if self.rng.chance(50) => self.say(&self.run_scope(), InputBody::Resume(ann)),
            RunState::Parked => self.say(&self.run_scope(), InputBody::Terminate(ann)),
            RunState::Dead | RunState::Failed if self.resets > 0 => self.reset(ann),
            _ => {}
        }
    }
}
