// SPDX-License-Identifier: Apache-2.0
import CLinux
@main struct Main { static func main() { puts("x") } }
