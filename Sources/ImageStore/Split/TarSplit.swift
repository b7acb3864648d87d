// SPDX-License-Identifier: Apache-2.0

/// The record of a layer's tar beside its EROFS file: everything of the tar but the content of its files, and where that
/// content lies in the EROFS file.
///
/// Both together give the tar back byte for byte, as tar-split does for Docker.
///
/// On disk: the magic number, the tar's length, the position of the pieces (each eight bytes, lowest first); the frame,
/// and then the pieces, both compressed by zstd. A piece is three numbers of eight bytes: so many bytes of the frame, then
/// so many bytes of the EROFS file from a position on.
enum TarSplit {
    static let magic = Array("tarsplt1".utf8)
    static let headerSize: UInt64 = 24
    static let pieceSize = 24

    /// A step of putting the tar together.
    struct Piece: Equatable {
        var frame: UInt64
        var position: UInt64
        var length: UInt64

        var encoded: [UInt8] {
            [frame, position, length].flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
        }
    }

    static func number(_ bytes: some Collection<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
