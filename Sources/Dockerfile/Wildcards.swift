// SPDX-License-Identifier: Apache-2.0

/// Patterns with parts that stand for any text.
enum Wildcards {
    /// Whether a whole text fits a pattern, `isAny` saying which parts stand for any text and `fits` what the others do.
    ///
    /// Goes back to the last such part alone, so that no pattern takes more than the product of both lengths.
    static func match<Part>(
        _ text: ArraySlice<Character>, _ pattern: ArraySlice<Part>, isAny: (Part) -> Bool,
        fits: (Character, Part) -> Bool
    ) -> Bool {
        var (position, place) = (text.startIndex, pattern.startIndex)
        var star: (position: Int, place: Int)?
        while position < text.endIndex {
            if place < pattern.endIndex, isAny(pattern[place]) {
                star = (position, place)
                place += 1
            } else if place < pattern.endIndex, fits(text[position], pattern[place]) {
                position += 1
                place += 1
            } else if let last = star {
                star = (last.position + 1, last.place)
                position = last.position + 1
                place = last.place + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy(isAny)
    }

    /// `*` and `?` in the shell's sense, without folders.
    static func match(_ text: [Character], _ pattern: [Character]) -> Bool {
        match(text[...], pattern[...], isAny: { $0 == "*" }, fits: { $1 == "?" || $1 == $0 })
    }
}
