//! What the run was made on: figures without it mean nothing.

use std::fs;

/// Processor, cores, memory, system.
pub(crate) fn describe() -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = after(&read("/proc/cpuinfo"), "model name");
    let memory = after(&read("/proc/meminfo"), "MemTotal");
    let system = read("/etc/os-release");
    let system = system
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or("unknown system")
        .trim_matches('"')
        .to_owned();
    let kernel = read("/proc/sys/kernel/osrelease");
    vec![
        format!("processor: {processor}, {cores} cores seen"),
        format!("memory: {memory}"),
        format!("system: {system}, kernel {}", kernel.trim()),
    ]
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// What follows `name` and a colon on its line.
fn after(text: &str, name: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| key.trim() == name);
    found.map_or_else(
        || "unknown".to_owned(),
        |(_, value)| value.trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: A fast one\n";
        assert_eq!(after(text, "model name"), "A fast one");
        assert_eq!(after(text, "model"), "unknown");
    }
}
