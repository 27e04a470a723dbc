//! One class of attempts: a choice from every dimension, and what it asks of a client.

use super::attempt::{Attempt, ClaimBy};
use super::axes::Axes;
use super::candidates::RecipientForm;
use super::exposure::Needs;
use super::names::Holder;
use crate::packet::address::AddressSet;

/// Which class of each dimension: claim, address, name, TLS, certificate, login, greeting, sender, recipient; 0 is
/// ordinary.
pub(super) type Choice = [usize; 9];

/// The attempt that stands for a class, with how its recipient is written and the addresses that it is made from.
pub(super) fn assemble<'a>(
    axes: &'a Axes,
    base: &Attempt,
    choice: Choice,
) -> Option<(Attempt, RecipientForm, &'a AddressSet)> {
    let [_, address, name, tls, certificate, login, greeting, sender, recipient] = choice;
    let class = axes.addresses.get(address)?;
    let (rcpt_to, form) = axes.recipients.get(recipient)?;
    let attempt = Attempt {
        client: class.sample,
        name: axes.names.get(name)?.0.clone(),
        tls: *axes.tls.get(tls)?,
        certificate: axes.certificates.get(certificate)?.clone(),
        login: axes.logins.get(login)?.clone(),
        helo: axes.greetings.get(greeting)?.clone(),
        mail_from: axes.senders.get(sender)?.0.clone(),
        rcpt_to: rcpt_to.clone(),
        ..base.clone()
    };
    Some((attempt, *form, &class.set))
}

/// What a class asks of a client.
pub(super) fn needs(axes: &Axes, claim: Option<ClaimBy>, choice: Choice) -> Needs {
    let [_, _, name, tls, certificate, login, greeting, sender, recipient] = choice;
    Needs {
        claim,
        name: axes.names.get(name).filter(|_| name > 0).map(|(name, _)| name.clone()),
        tls: tls > 0,
        certificate: certificate > 0,
        login: login > 0,
        helo: axes.greetings.get(greeting).filter(|_| greeting > 0).cloned(),
        sender: axes.senders.get(sender).filter(|_| sender > 0).map(|(text, kind)| (*kind, text.clone())),
        recipient: axes
            .recipients
            .get(recipient)
            .filter(|(_, form)| *form != RecipientForm::Plain)
            .map(|(text, form)| (*form, text.clone())),
    }
}

/// The name that a class asks for and only somebody else can have. An address that a device on the way lends has the
/// name that its owner gave it.
pub(super) fn held_name(axes: &Axes, claim: Option<ClaimBy>, choice: Choice) -> Option<&str> {
    let [_, _, name, ..] = choice;
    let lent = claim == Some(ClaimBy::Translation);
    axes.names.get(name).filter(|(_, h)| lent || *h == Holder::Somebody).and_then(|(name, _)| name.text())
}

/// How many unusual things a class asks for.
pub(super) fn odd(choice: &Choice) -> usize {
    choice.iter().skip(2).filter(|c| **c > 0).count()
}

/// The next combination, the last dimension fastest; `false` after the last.
pub(super) fn step(choice: &mut Choice, axes: &Axes) -> bool {
    for (place, size) in choice.iter_mut().skip(1).zip(axes.sizes()).rev() {
        if *place + 1 < size {
            *place += 1;
            return true;
        }
        *place = 0;
    }
    false
}
