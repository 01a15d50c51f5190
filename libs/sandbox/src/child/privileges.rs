//! Rights that are given up and limits that are taken on. Not here: system calls (`filter`), files (`filesystem`).

use super::while_;
use crate::wire::Setup;
use rustix::{
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
    thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets},
};
use std::io;

/// Threads that a job may have, its own included.
const THREADS: u32 = 64;

/// Files that may be open at a time.
const FILES: u64 = 256;

/// Stack of the interpreter's threads, in bytes.
const STACK: u64 = 8 << 20;

/// Tasks (threads of all processes) in a sandbox, the supervisor included.
pub(super) fn tasks(setup: &Setup) -> u32 {
    THREADS + setup.processes
}

/// Gives up all capabilities for good, also those that special programs could give back, and closes this process's
/// memory to others of the same user.
pub(super) fn give_up() -> io::Result<()> {
    let held = while_("capabilities", rustix::thread::capabilities(None))?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        for bit in 0..64 {
            let one = CapabilitySet::from_bits_retain(1 << bit);
            if rustix::thread::remove_capability_from_bounding_set(one).is_err() {
                break;
            }
        }
        let bits = CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::NO_SETUID_FIXUP
            | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED;
        while_("capabilities", rustix::thread::set_capabilities_secure_bits(bits))?;
    }
    while_("capabilities", rustix::thread::clear_ambient_capability_set())?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    while_("capabilities", rustix::thread::set_capabilities(None, none))?;
    while_("privileges", rustix::thread::set_no_new_privs(true))?;
    while_("memory access", set_dumpable_behavior(DumpableBehavior::NotDumpable))
}

/// Limits of this process and its children. CPU time is limited when the job begins.
pub(super) fn limit(setup: &Setup) -> io::Result<()> {
    let mut limits = vec![
        (Resource::As, setup.memory),
        (Resource::Fsize, setup.scratch),
        (Resource::Nofile, FILES),
        (Resource::Stack, STACK),
        (Resource::Core, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    // Without a user namespace, this would count everything that the user has on this machine.
    if setup.tier.has_namespaces() {
        limits.push((Resource::Nproc, tasks(setup).into()));
    }
    for (resource, most) in limits {
        let most = Rlimit { current: Some(most), maximum: Some(most) };
        while_("limits", setrlimit(resource, most))?;
    }
    Ok(())
}
