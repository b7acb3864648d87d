// SPDX-License-Identifier: Apache-2.0

/// A path, a name or other text as the kernel sees it: bytes without a terminating zero.
///
/// Linux paths are not Unicode, and comparing `String` needs tables that Embedded Swift does not link.
public typealias Bytes = [UInt8]
