package bus

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A group is the body of one message: a version byte, a checksum of all that follows it, and each
// command after its shard (a byte) and its length. JetStream has a checksum of its own, but a damaged
// file has misled it before.

const groupVersion = 1

// groupHead is the size of what stands before the commands.
const groupHead = 1 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errDamaged = errors.New("a group of commands in the log is damaged")

// sizeIn gives the room that a command takes in a group, at most.
func sizeIn(command []byte) int { return 1 + binary.MaxVarintLen32 + len(command) }

func startGroup(size int) []byte {
	return append(make([]byte, 0, groupHead+size), groupVersion, 0, 0, 0, 0)
}

func addToGroup(group []byte, shard int, command []byte) []byte {
	group = append(group, byte(shard))
	group = binary.AppendUvarint(group, uint64(len(command)))
	return append(group, command...)
}

func endGroup(group []byte) []byte {
	binary.BigEndian.PutUint32(group[1:], crc32.Checksum(group[groupHead:], castagnoli))
	return group
}

// commandsOf gives the commands of one shard in a group. They share the group's memory.
func commandsOf(group []byte, shard int) (commands [][]byte, err error) {
	err = eachIn(group, func(of int, command []byte) {
		if of == shard {
			commands = append(commands, command)
		}
	})
	if err != nil {
		return nil, err
	}
	return commands, nil
}

// eachIn gives the commands of a group with their shards. Of a damaged one it may give some.
func eachIn(group []byte, give func(shard int, command []byte)) error {
	if len(group) < groupHead || group[0] != groupVersion ||
		binary.BigEndian.Uint32(group[1:]) != crc32.Checksum(group[groupHead:], castagnoli) {
		return errDamaged
	}
	for rest := group[groupHead:]; len(rest) > 0; {
		n, used := binary.Uvarint(rest[1:])
		if used <= 0 || n > uint64(len(rest)-1-used) {
			return errDamaged
		}
		end := 1 + used + int(n)
		give(int(rest[0]), rest[1+used:end:end])
		rest = rest[end:]
	}
	return nil
}
