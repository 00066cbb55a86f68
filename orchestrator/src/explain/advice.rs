//! What failures of a kind mean, and what helps.

use sortie_core::failure::FailureKind;

/// One or two sentences for an operator.
#[must_use]
pub const fn advice(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Unreachable => {
            "No byte of the launch reached the host, so nothing runs there. Look at the network and sshd; trying again is safe."
        }
        FailureKind::Auth => {
            "The host refused the login. Put the installation's public key into authorized_keys of the host's user, then try again."
        }
        FailureKind::HostKey => {
            "The host's key is not the pinned one: it was re-installed, or somebody stands in between. Check it, then add the host anew."
        }
        FailureKind::WrongMachine => {
            "The state root belongs to another machine: re-imaged, swapped or a shared home. Remove the host and add it anew."
        }
        FailureKind::Refused => "The shim refused the launch. Its message says why: no room, no rights, or another protocol.",
        FailureKind::Spawn => "The command could not be started. Look at its path, its working directory and its rights on the host.",
        FailureKind::NotStarted => {
            "The host accepted the job and nothing was heard of it since. Look whether the host can reach the public URL."
        }
        FailureKind::Stalled => {
            "Heartbeats stopped while the job lived, so it was ended. Look at the load of the host and its way to the public URL."
        }
        FailureKind::Silent => "The job wrote nothing for longer than its silence limit and was ended. Look at its last output.",
        FailureKind::Lost => {
            "The job's processes are verified to be gone, without a result: something on the host killed them and the supervisor."
        }
        FailureKind::Interrupted => "The machine was started anew while the job ran. Trying again is safe where the work can be repeated.",
        FailureKind::Exit => "The command ended with an exit code other than 0. Look at its output.",
        FailureKind::Signal => "The command was ended by a signal that Sortie did not send. Look at the host's log.",
        FailureKind::Oom => "The kernel killed the job for want of memory. Give the host more, or the job less to do.",
        FailureKind::Budget => "The job used up its budget. Raise `budget`, or look at what it spent it on.",
        FailureKind::TimedOut => "The time limit of the step passed. Raise `timeout`, or look at what took so long.",
        FailureKind::Rejected => "The result does not fit the schema that the step asks for. The message says where.",
        FailureKind::Cancelled => "It was cancelled; nothing is wrong.",
        FailureKind::Superseded => "Another step was faster; nothing is wrong.",
        FailureKind::NoHost => "No host has the name or the label that the step asks for. Add one, or give one the label.",
        FailureKind::Deadline => "The run took longer than its deadline. Raise `deadline`, or split the run.",
        FailureKind::Check => "A step with `check = True` failed. Look at that step; redriving opens it anew.",
        FailureKind::FlowError => {
            "The flow itself raised an error; the message has file and line. Put it right, release it, and fork the run."
        }
        FailureKind::FlowLimit => "The flow used more ticks, memory, depth or durable calls than a flow may. Split the work with `child`.",
        FailureKind::Nondeterminism => {
            "The journal does not match the calls of the flow: damage, or a change of the engine. Compare what was recorded with what was attempted; report it."
        }
        FailureKind::Internal => "The engine contradicts itself. This is a defect: export the run and report it.",
        FailureKind::Poison => {
            "Evaluating the run brought its process down several times. Resume tries again; fork it on a release that is put right."
        }
        FailureKind::Http => "The other side answered with a status that the step does not expect. Look at the recorded answer.",
        FailureKind::Policy => "The destination is not allowed. Allow it for the connection, if it should be.",
        FailureKind::TooLarge => "An answer or a file is over its limit. Raise the limit where there is one, or send less.",
        FailureKind::Secret => "A secret or connection that the step names is missing or cannot be read. Set it, then try again.",
        FailureKind::Child => "The run that this step started did not succeed. Explain that run.",
        FailureKind::Fail => "The flow ended itself with fail(...); its message says why.",
        FailureKind::Terminated => "An operator ended the run at once, without on_exit.",
        FailureKind::ExitLimit => "on_exit did not end within its limit. The run ended as it was decided.",
    }
}
