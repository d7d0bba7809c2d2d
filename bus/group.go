package bus

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A group is the body of one message: a version byte, a checksum of all that follows it, and each
// command after its length. JetStream has a checksum of its own, but did not always look at it.

const groupVersion = 1

// groupHead is the size of what stands before the commands, each of which takes at most
// binary.MaxVarintLen32 bytes more than its own.
const groupHead = 1 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errDamaged = errors.New("a group of commands in the log is damaged")

// sizeIn gives the room that a command takes in a group, at most.
func sizeIn(command []byte) int { return binary.MaxVarintLen32 + len(command) }

func startGroup(size int) []byte {
	return append(make([]byte, 0, groupHead+size), groupVersion, 0, 0, 0, 0)
}

func addToGroup(group, command []byte) []byte {
	group = binary.AppendUvarint(group, uint64(len(command)))
	return append(group, command...)
}

func endGroup(group []byte) []byte {
	binary.BigEndian.PutUint32(group[1:], crc32.Checksum(group[groupHead:], castagnoli))
	return group
}

// commandsOf takes a group apart. The commands share the group's memory.
func commandsOf(group []byte) ([][]byte, error) {
	if len(group) < groupHead || group[0] != groupVersion ||
		binary.BigEndian.Uint32(group[1:]) != crc32.Checksum(group[groupHead:], castagnoli) {
		return nil, errDamaged
	}
	var commands [][]byte
	for rest := group[groupHead:]; len(rest) > 0; {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			return nil, errDamaged
		}
		end := used + int(n)
		commands = append(commands, rest[used:end:end])
		rest = rest[end:]
	}
	return commands, nil
}
