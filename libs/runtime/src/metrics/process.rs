//! What the process itself uses, under the names that Prometheus' own clients have for it. Linux tells it under
//! `/proc/self`; elsewhere there is nothing to show. Not here: what the program counts.

use super::families::{Kind, family};
use std::fmt::Write;

/// Appends the process's metrics.
pub(super) fn render(text: &mut String) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |name: &str| field(&status, name).map(|kilobytes| kilobytes * 1024.0);
    show(text, "process_resident_memory_bytes", kilobytes("VmRSS:"));
    show(text, "process_virtual_memory_bytes", kilobytes("VmSize:"));
    show(text, "process_threads", field(&status, "Threads:"));

    let descriptors = std::fs::read_dir("/proc/self/fd").ok();
    // Listing them takes one itself.
    let open = descriptors.map(|entries| entries.count().saturating_sub(1) as f64);
    show(text, "process_open_fds", open);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    show(text, "process_max_fds", field(&limits, "Max open files"));

    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    // Fields are counted after the program's name, which may hold anything.
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect())
        .unwrap_or_default();
    let at = |index: usize| fields.get(index).map(|value| value / ticks);
    show(text, "process_cpu_seconds_total", at(11).zip(at(12)).map(|(user, system)| user + system));
    let system = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    show(text, "process_start_time_seconds", field(&system, "btime").zip(at(19)).map(|(boot, up)| boot + up));
}

/// The first number after a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn show(text: &mut String, name: &str, value: Option<f64>) {
    let (Some(value), Some(family)) = (value, family(name)) else { return };
    debug_assert!(family.kind != Kind::Histogram);
    // Writing to a text cannot fail.
    let _ = writeln!(
        text,
        "# HELP {name} {}\n# TYPE {name} {}\n{name} {value}\n",
        family.help,
        family.kind.as_str()
    );
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_what_it_uses() {
        let mut text = String::new();
        render(&mut text);
        let value = |name: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
            line.and_then(|line| line.split(' ').nth(1)?.parse().ok())
                .unwrap_or_else(|| panic!("{name}: {text}"))
        };
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
        assert!((3.0..value("process_max_fds")).contains(&value("process_open_fds")));
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        let started = value("process_start_time_seconds");
        assert!(started <= now + 1.0 && now - started < 3_600.0, "{started} {now}");
    }
}
