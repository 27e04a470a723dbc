//! English.

use crate::reason::{Break, Reason};

pub(super) fn reason(reason: &Reason) -> String {
    match reason {
        Reason::ArtifactMissing { artifact } => format!("{artifact} is missing"),
        Reason::ArtifactUnproven { artifact, expected } => {
            format!("{artifact} may be cut off: {expected} is not there")
        }
        Reason::ListingsContradict { artifact, other } => {
            format!("{artifact} and {other} contradict each other")
        }
        Reason::ArtifactUnreadable { artifact, problem } => format!("{artifact} cannot be read: {problem}"),
        Reason::CommandFailed { command, status } => format!("{command} failed ({status})"),
        Reason::CommandHung { command, seconds } => format!("{command} gave no sign for {seconds} s"),
        Reason::ArtifactTooLarge { artifact, limit } => format!("{artifact} is larger than {limit} bytes"),
        Reason::AnswerBroken { artifact, by } => format!("{artifact} did not come whole: {}", broken(by)),
        Reason::NotAsked { artifact } => format!("{artifact} was not asked for any more"),
        Reason::Unreachable { address, problem } => format!("{address} cannot be reached: {problem}"),
        Reason::TimedOut { address, phase, seconds } => {
            format!("{address} took longer than {seconds} s for {}", part(phase))
        }
        Reason::NotSsh { address, problem } => format!("{address} does not speak SSH properly: {problem}"),
        Reason::NoCommonAlgorithm { address, kind, theirs } => {
            format!("{address} offers no {kind} algorithm that is still safe (only {}); site.toml can allow older ones for one device (algorithms)", theirs.join(", "))
        }
        Reason::ConnectionLost { address, phase, problem } => {
            format!("the connection to {address} broke off during {}: {problem}", part(phase))
        }
        Reason::Flooded { address, limit } => format!("{address} sent more than {limit} bytes"),
        Reason::ExecRefused { address } => format!("{address} runs no commands over SSH"),
        Reason::NoShell { address } => format!("the login shell of {address} does not run a POSIX script"),
        Reason::NoPrompt { address } => format!("{address} shows no command prompt"),
        Reason::NoPrivilege { address, command } => format!(
            "{command} on {address} needs a password and none was given (enable_env in site.toml, --enable-env, --ask-enable)"
        ),
        Reason::PrivilegeRefused { address, command } => {
            format!("{address} refused {command}; it was not tried again")
        }
        Reason::NoCredential { address, user, problems } => {
            format!("no way to log in to {address} as {user}: {}", problems.join("; "))
        }
        Reason::TooManyQuestions { asked } => {
            format!("its answers raised ever more questions; stopped after {asked}")
        }
        Reason::HostKeyChanged { address, presented, expected, .. } => format!(
            "{address} presents another host key than recorded ({presented}, recorded {}); no credential was sent",
            listed(expected)
        ),
        Reason::HostKeyTypeNew { address, presented, expected, .. } => format!(
            "{address} presents a host key of a type not recorded ({presented}, recorded {}); no credential was sent",
            listed(expected)
        ),
        Reason::HostKeyRevoked { address, presented, .. } => {
            format!("{address} presents a revoked host key ({presented}); no credential was sent")
        }
        Reason::HostKeyUnknown { address, presented, .. } => format!(
            "the host key of {address} is not recorded ({presented}); no credential was sent. Compare it at the device, then record it in known_hosts"
        ),
        Reason::LoginRefused { address, user, .. } => format!("{address} refused the login of {user}"),
        Reason::DeviceFailed { problem } => format!("the device could not be captured: {problem}"),
        Reason::NotCaptured { state } => format!("the device is not in the {state} state"),
        Reason::NeverSeen { looks: 1 } => "the look during the work did not see it whole".to_owned(),
        Reason::NeverSeen { looks } => format!("none of the {looks} looks during the work saw it whole"),
        Reason::PlatformOnce { platform, state } => {
            format!(
                "the {state} state holds nothing of {platform}, and the other one does; capture both alike"
            )
        }
        Reason::NotFollowed { path } => {
            format!("{path} is a link, which is not followed; put the file itself there")
        }
        Reason::ReadByNone { artifact } => {
            format!("{artifact} changed, and no platform declared or found for the device reads it")
        }
        Reason::PlatformUnknown => {
            "its files are of no platform that can be read; declare it in site.toml, or name the platform"
                .to_owned()
        }
        Reason::NothingToCheck => {
            "nothing to check yet; declare your devices in site.toml, then run sekisho capture --phase before".to_owned()
        }
        Reason::NoRules => "no rule is loaded".to_owned(),
        Reason::NoBefore => {
            "there is no state from before the work, so what changed is not known; next time run sekisho capture --phase before first".to_owned()
        }
        Reason::Unread { text } => format!("not understood: {text}"),
        Reason::RunTime { text } => format!("depends on the moment: {text}"),
        Reason::NotModelled { text } => format!("looks at a part of packets that is not modelled: {text}"),
        Reason::ContentsUnknown { name } => format!("the contents of {name} are not in the evidence"),
        Reason::OutsideService { name } => format!("{name} decides, and is outside the evidence"),
        Reason::Dns { name } => format!("{name} depends on DNS"),
        Reason::HostFactMissing { fact } => format!("not in the evidence: {fact}"),
        Reason::Contradiction { what, first, second } => {
            format!("{first} and {second} disagree about {what}")
        }
        Reason::TooComplex { subject } => format!("the {subject} is too complex to evaluate"),
    }
}

fn part(phase: &str) -> &str {
    match phase {
        "connect" => "the connection",
        "handshake" => "the key exchange",
        "login" => "the login",
        _ => "the session",
    }
}

fn listed<T: ToString>(keys: &[T]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn broken(by: &Break) -> String {
    match by {
        Break::StrayOutput => "other output stands between the answers".to_owned(),
        Break::CutOff => "it was cut off".to_owned(),
        Break::NoExitStatus => "there is no exit status".to_owned(),
        Break::NoEndOfFile => "there is no end of file".to_owned(),
        Break::NoEnd => "it did not end".to_owned(),
        Break::Signal { name } => format!("it was ended by signal {name}"),
        Break::Status { status } => format!("the script ended with status {status}"),
        Break::Lost => "the connection was gone".to_owned(),
        Break::Size { announced, received } => format!("{received} of {announced} bytes came"),
        Break::NotRegular => "it is no regular file".to_owned(),
        Break::NoPermission => "a folder on its path may not be searched".to_owned(),
        Break::Wrapped { columns } => {
            format!("lines are broken at column {columns}, and nothing shows where a broken one goes on")
        }
        Break::Unstable => "it has no mark of its end, and reads in a row differ".to_owned(),
        Break::Unaskable => "it cannot be asked for".to_owned(),
    }
}
