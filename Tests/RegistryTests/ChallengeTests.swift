// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Registry

struct ChallengeTests {
    @Test func aTokenServerIsNamed() {
        let parsed = Challenge.parse(
            #"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#)
        #expect(
            parsed == [
                Challenge(
                    scheme: "bearer",
                    parameters: [
                        "realm": "https://auth.example/token", "service": "registry.example",
                        "scope": "repository:a/b:pull,push",
                    ])
            ])
    }

    @Test func severalChallengesStandInOneHeader() {
        let parsed = Challenge.parse(#"Negotiate, Basic realm="a \"quoted\" one" , bearer Realm=plain"#)
        #expect(parsed.map(\.scheme) == ["negotiate", "basic", "bearer"])
        #expect(parsed[1].parameters == ["realm": #"a "quoted" one"#])
        #expect(parsed[2].parameters == ["realm": "plain"])
    }

    @Test(arguments: ["", " ,,, ", "=", #"Bearer realm="no end"#, #"Bearer realm="a\"#, "Bearer realm=", "\u{1}"])
    func whatIsBrokenEndsTheList(text: String) {
        #expect(Challenge.parse(text).flatMap(\.parameters.values).isEmpty)
    }

    @Test func aHeaderWithoutEndDoesNotMatter() {
        #expect(Challenge.parse(String(repeating: "Basic ", count: 10_000)).count == 8)
    }
}
