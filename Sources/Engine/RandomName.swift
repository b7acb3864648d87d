// SPDX-License-Identifier: Apache-2.0

/// Names for workloads that were given none: an adjective and somebody who made computers share, measure or pretend.
enum RandomName {
    static func next() -> String {
        "\(adjectives.randomElement() ?? "nameless")_\(people.randomElement() ?? "workload")"
    }

    private static let adjectives = [
        "amber", "ample", "brave", "bright", "brisk", "calm", "candid", "careful", "clever", "cosy", "curious",
        "daring",
        "deft", "eager", "earnest", "exact", "fair", "fleet", "frank", "gentle", "glad", "honest", "keen", "kind",
        "lively",
        "lucid", "mellow", "merry", "modest", "neat", "nimble", "patient", "placid", "plucky", "polite", "proud",
        "quick",
        "quiet", "rapid", "ready", "serene", "sharp", "silent", "steady", "sturdy", "sunny", "swift", "tidy", "trusty",
        "vivid", "warm", "wise", "witty", "zesty",
    ]

    private static let people = [
        "allen", "amdahl", "backus", "bartik", "bechtolsheim", "berezin", "cerf", "codd", "conway", "corbato", "cray",
        "dijkstra", "engelbart", "estrin", "feinler", "floyd", "goldberg", "goldstine", "granville", "hamilton",
        "hamming",
        "hoare", "holberton", "hopper", "johnson", "kahn", "kay", "keller", "kernighan", "kilburn", "knuth", "lamarr",
        "lamport", "licklider", "liskov", "lovelace", "mccarthy", "meltzer", "minsky", "naur", "noether", "perlman",
        "popek", "ritchie", "saltzer", "sammet", "shannon", "shaw", "spence", "strachey", "sutherland", "thompson",
        "torvalds", "turing", "wilkes", "wing", "wirth", "zuse",
    ]
}
