// SPDX-License-Identifier: Apache-2.0

/// Weight and colours of text by ECMA-48, for terminals only.
struct TerminalStyle {
    enum Color: String {
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    let usesColor: Bool

    func bold(_ text: String) -> String { styled(text, "1") }
    func dim(_ text: String) -> String { styled(text, "2") }
    func color(_ text: String, _ color: Color) -> String { styled(text, color.rawValue) }

    private func styled(_ text: String, _ code: String) -> String {
        usesColor ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
