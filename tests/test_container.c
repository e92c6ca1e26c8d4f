/* SPDX-License-Identifier: Apache-2.0 */
/* Known containers: a vector of each, as its format has it, and what is none. */
#include "container.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR(n, text) .name = (n), .bytes = (text), .length = sizeof(text) - 1

static const struct vector {
    const char *name;
    const char *bytes;
    size_t length;
    long offset; /* from the end when negative */
    bool as_it_is;
} vectors[] = {
    {VECTOR("an ELF core, 64-bit, little-endian",
            "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0"),
     .as_it_is = true},
    {VECTOR("an ELF core, 64-bit, big-endian",
            "\177ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\4"),
     .as_it_is = true},
    {VECTOR("an ELF core, 32-bit, little-endian",
            "\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\4\0"),
     .as_it_is = true},
    {VECTOR("an ELF core, 32-bit, big-endian",
            "\177ELF\1\2\1\0\0\0\0\0\0\0\0\0\0\4"),
     .as_it_is = true},
    {VECTOR("an ELF file that is no core, 64-bit, little-endian",
            "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0")},
    {VECTOR("an ELF file that is no core, 64-bit, little-endian",
            "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\0\4")},
    {VECTOR("an ELF file that is no core, 32-bit, big-endian",
            "\177ELF\1\2\1\0\0\0\0\0\0\0\0\0\0\2")},
    {VECTOR("an ELF file that is no core", "\177ELF\7\7")},
    {VECTOR("a LiME file", "EMiL\1\0\0\0"), .as_it_is = true},
    {VECTOR("an AVML file", "AVML\2\0\0\0")},
    {VECTOR("a compressed kdump", "KDUMP   \6\0\0\0")},
    {VECTOR("a diskdump", "DISKDUMP\4\0\0\0")},
    {VECTOR("a flattened dump of makedumpfile", "makedumpfile\0\0\0\0")},
    {VECTOR("a dump of sadump", "sadump\0\0")},
    {VECTOR("a dump of LKCD", "\xed\x23\x8f\x61\x73\x01\x19\xa8")},
    {VECTOR("a dump of LKCD", "\xa8\x19\x01\x73\x61\x8f\x23\xed")},
    {VECTOR("a live dump of LKCD", "\xcd\x23\x8f\x61\x73\x01\x19\xa8")},
    {VECTOR("an s390 dump", "\xa8\x19\x01\x73\x61\x8f\x23\xfd"),
     .as_it_is = true},
    {VECTOR("an extended s390 dump", "\xa8\x19\x01\x73\x61\x8f\x23\xfe")},
    {VECTOR("a Windows crash dump, 64-bit", "PAGEDU64\xf\0\0\0"),
     .as_it_is = true},
    {VECTOR("a Windows crash dump, 32-bit", "PAGEDUMP\xf\0\0\0"),
     .as_it_is = true},
    {VECTOR("a minidump", "MDMP\x93\xa7")},
    {VECTOR("a Windows hibernation file", "HIBR")},
    {VECTOR("a Windows hibernation file", "hibr")},
    {VECTOR("a Windows hibernation file", "WAKE")},
    {VECTOR("a Windows hibernation file", "wake")},
    {VECTOR("a Windows hibernation file", "RSTR")},
    {VECTOR("a Windows hibernation file", "rstr")},
    {VECTOR("a HPAK file", "HPAK"), .as_it_is = true},
    {VECTOR("a Linux hibernation image", "S1SUSPEND\0"), .offset = 4086},
    {VECTOR("a Linux hibernation image", "S2SUSPEND\0"), .offset = 4086},
    {VECTOR("a Linux hibernation image", "ULSUSPEND\0"), .offset = 4086},
    {VECTOR("a swap space", "SWAPSPACE2"), .offset = 4086},
    {VECTOR("a swap space", "SWAP-SPACE"), .offset = 4086},
    {VECTOR("a Linux hibernation image", "S1SUSPEND\0"), .offset = 16374},
    {VECTOR("a Linux hibernation image", "S1SUSPEND\0"), .offset = 65526},
    {VECTOR("a Linux hibernation image", "LINHIB0001"), .offset = 4086},
    {VECTOR("a swap space", "SWAPSPACE2"), .offset = 8182},
    {VECTOR("a swap space", "SWAPSPACE2"), .offset = 65526},
    {VECTOR("a TuxOnIce image", "\xed\xc3\x02\xe9\x98\x56\xe5\x0c")},
    {VECTOR("a FreeBSD minidump", "minidump FreeBSD/amd64\0\0\2\0\0\0")},
    {VECTOR("a FreeBSD minidump", "minidump FreeBSD/arm64\0\0\1\0\0\0")},
    {VECTOR("a FreeBSD kernel dump", "FreeBSD Kernel Dump\0")},
    {VECTOR("an illumos crash dump", "\xed\xc8\xfe\xde")},
    {VECTOR("a Solaris crash dump", "\xde\xfe\xc8\xed")},
    {VECTOR("a BSD crash dump, x86-64", "\x04\x9d\x8f\xca"), .as_it_is = true},
    {VECTOR("a BSD crash dump, i386", "\x04\x86\x8f\xca"), .as_it_is = true},
    {VECTOR("a Mach-O core, 64-bit",
            "\xcf\xfa\xed\xfe\7\0\0\1\3\0\0\0\4\0\0\0"),
     .as_it_is = true},
    {VECTOR("a Mach-O core, 32-bit",
            "\xce\xfa\xed\xfe\7\0\0\0\3\0\0\0\4\0\0\0"),
     .as_it_is = true},
    {VECTOR("a Mach-O core, 64-bit, big-endian",
            "\xfe\xed\xfa\xcf\1\0\0\x12\0\0\0\0\0\0\0\4"),
     .as_it_is = true},
    {VECTOR("a Mach-O core, 32-bit, big-endian",
            "\xfe\xed\xfa\xce\0\0\0\x12\0\0\0\0\0\0\0\4"),
     .as_it_is = true},
    {VECTOR("a Mach-O file that is no core",
            "\xcf\xfa\xed\xfe\7\0\0\1\3\0\0\0\2\0\0\0")},
    {VECTOR("a Mach-O file that is no core", "\xce\xfa\xed\xfe\7\0\0\0")},
    {VECTOR("a Mach-O file that is no core", "\xfe\xed\xfa\xcf\1\0\0\x12")},
    {VECTOR("a Mach-O file that is no core", "\xfe\xed\xfa\xce\0\0\0\x12")},
    {VECTOR("a VMware saved state", "\xd0\xbe\xd2\xbe\x8\0\0\0\x53\0\0\0"),
     .as_it_is = true},
    {VECTOR("a VMware saved state", "\xd1\xba\xd1\xba\x8\0\0\0\x53\0\0\0"),
     .as_it_is = true},
    {VECTOR("a VMware saved state", "\xd2\xbe\xd2\xbe\x8\0\0\0\x53\0\0\0"),
     .as_it_is = true},
    {VECTOR("a VMware saved state", "\xd3\xbe\xd3\xbe\x8\0\0\0\x53\0\0\0"),
     .as_it_is = true},
    {VECTOR("a VMware saved state", "\xd2\xba\xd2\xba\x8\0\0\0\x53\0\0\0"),
     .as_it_is = true},
    {VECTOR("a VMware saved state of the old kind",
            "\xd0\xbe\xd0\xbe\x4\0\0\0\x20\0\0\0")},
    {VECTOR("a VirtualBox saved state", "\177VirtualBox SavedState V2.0\n\0")},
    {VECTOR("a VirtualBox saved state", "\177VirtualBox SavedState V1.2\n")},
    {VECTOR("a QEMU saved state", "QEVM\0\0\0\3")},
    {VECTOR("a libvirt saved domain", "LibvirtQemudSave\2\0\0\0")},
    {VECTOR("a libvirt domain that is not saved in full",
            "LibvirtQemudPart\2\0\0\0")},
    {VECTOR("a Xen saved domain", "Xen saved domain, xl format\n \0 \r")},
    {VECTOR("a Xen saved domain", "LinuxGuestRecord")},
    {VECTOR("a Xen saved domain", "XenSavedDomain\n")},
    {VECTOR("a Xen saved domain", "libvirt-xml\n \0 \r")},
    {VECTOR("a Xen migration stream",
            "\xff\xff\xff\xff\xff\xff\xff\xffXENF\0\0\0\2")},
    {VECTOR("an old Xen core", "\xed\xeb\x0f\xf0"), .as_it_is = true},
    {VECTOR("an old Xen core", "\xee\xeb\x0f\xf0"), .as_it_is = true},
    {VECTOR("a Hyper-V saved state", "\x14\x20\x28\x01"), .as_it_is = true},
    {VECTOR("a Proxmox backup", "VMA\0\0\0\0\1")},
    {VECTOR("a VHDX image", "vhdxfile")},
    {VECTOR("a VHD image", "conectix\0\0\0\2\0\1\0\0")},
    {VECTOR("a VHD image", "conectix\0\0\0\2\0\1\0\0"), .offset = -512},
    {VECTOR("a qcow image", "QFI\xfb\0\0\0\3")},
    {VECTOR("a QED image", "QED\0")},
    {VECTOR("a VMDK image", "KDMV\1\0\0\0")},
    {VECTOR("a VMDK image", "COWD\1\0\0\0")},
    {VECTOR("a VMDK descriptor", "# Disk DescriptorFile\nversion=1\n")},
    {VECTOR("a VDI image", "\177\x10\xda\xbe\1\0\1\0"), .offset = 0x40},
    {VECTOR("a Parallels image", "WithoutFreeSpace\2\0\0\0")},
    {VECTOR("a Parallels image", "WithouFreSpacExt\2\0\0\0")},
    {VECTOR("an Apple disk image", "koly\0\0\0\4\0\0\2\0"), .offset = -512},
    {VECTOR("an encrypted disk", "LUKS\xba\xbe\0\2")},
    {VECTOR("an EWF image", "EVF\x09\x0d\x0a\xff\0\1\1\0\0\0")},
    {VECTOR("an EWF image", "LVF\x09\x0d\x0a\xff\0\1\1\0\0\0")},
    {VECTOR("an EWF image, version 2", "EVF2\x0d\x0a\x81\0\2\1\2\0")},
    {VECTOR("an EWF image, version 2", "LEF2\x0d\x0a\x81\0\2\1\2\0")},
    {VECTOR("an AFF image", "AFF10\r\n\0")},
    {VECTOR("compressed by gzip", "\x1f\x8b\x08\0\0\0\0\0\0\3")},
    {VECTOR("compressed by zstd", "\x28\xb5\x2f\xfd\x04\x58")},
    {VECTOR("compressed by zstd or lz4", "\x50\x2a\x4d\x18\4\0\0\0")},
    {VECTOR("compressed by zstd or lz4", "\x5f\x2a\x4d\x18\4\0\0\0")},
    {VECTOR("compressed by xz", "\xfd"
                                "7zXZ\0\0\4")},
    {VECTOR("compressed by lzma",
            "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0")},
    {VECTOR("compressed by lzma", "\x5d\0\0\x80\0\0\0\0\x40\0\0\0\0\0")},
    {VECTOR("compressed by lzma", "\x5d\0\0\xc0\0\0\0\0\x40\0\0\0\0\0")},
    {VECTOR("compressed by bzip2", "BZh91AY&SY")},
    {VECTOR("compressed by bzip2", "BZh11AY&SY")},
    {VECTOR("compressed by bzip2", "BZh9\x17rE8P\x90\0\0\0\0")},
    {VECTOR("compressed by lz4", "\x04\x22\x4d\x18\x64\x40\xa7")},
    {VECTOR("compressed by lz4", "\x02\x21\x4c\x18")},
    {VECTOR("compressed by snappy", "\xff\x06\0\0sNaPpY")},
    {VECTOR("compressed by lzip", "LZIP\1\x0c")},
    {VECTOR("compressed by lzop", "\x89LZO\0\r\n\x1a\n")},
    {VECTOR("compressed by lrzip", "LRZI\0\6")},
    {VECTOR("compressed by compress", "\x1f\x9d\x90")},
    {VECTOR("a zip archive", "PK\3\4\x14\0")},
    {VECTOR("a zip archive", "PK\5\6\0\0")},
    {VECTOR("a zip archive in parts", "PK\7\x08PK\3\4\x14\0")},
    {VECTOR("a zip archive in parts", "PK00PK\3\4\x14\0")},
    {VECTOR("a cpio archive", "07070100000001")},
    {VECTOR("a cpio archive", "07070200000001")},
    {VECTOR("a cpio archive", "07070700000001")},
    {VECTOR("an ar archive", "!<arch>\n")},
    {VECTOR("a WIM archive", "MSWIM\0\0\0\xd0\0\0\0")},
    {VECTOR("an xar archive", "xar!\0\x1c\0\1")},
    {VECTOR("encrypted by OpenSSL", "Salted__\1\2\3\4")},
    {VECTOR("encrypted by age", "age-encryption.org/v1\n-> X25519 ")},
    {VECTOR("compressed by LZFSE", "bvx2\0\0\1\0")},
    {VECTOR("compressed by LZFSE", "bvxn\0\0\1\0")},
    {VECTOR("a 7z archive", "7z\xbc\xaf\x27\x1c\0\4")},
    {VECTOR("a rar archive", "Rar!\x1a\7\0")},
    {VECTOR("a cabinet", "MSCF\0\0\0\0")},
    {VECTOR("a tar archive", "ustar\0"
                             "00"),
     .offset = 257},
    {VECTOR("an Android sparse image", "\x3a\xff\x26\xed\1\0\0\0")},
};

enum { VECTORS = sizeof vectors / sizeof vectors[0], FILE_BYTES = 131072 };

/* A file of which there are no more bytes than container_find may read. */
struct file {
    uint64_t bytes;
    unsigned char *head;
    unsigned char *tail;
};

static struct file file_of(const unsigned char *all, uint64_t bytes)
{
    size_t n = bytes < CONTAINER_HEAD ? bytes : CONTAINER_HEAD;
    size_t tail_n = bytes < CONTAINER_TAIL ? bytes : CONTAINER_TAIL;
    struct file f = {bytes, malloc(n + (n == 0)),
                     malloc(tail_n + (tail_n == 0))};

    memcpy(f.head, all, n);
    memcpy(f.tail, all + bytes - tail_n, tail_n);
    return f;
}

static bool find(const unsigned char *all, uint64_t bytes,
                 struct container *out)
{
    struct file f = file_of(all, bytes);
    bool found;

    memset(out, 0, sizeof *out);
    found = container_find(f.head, f.tail, bytes, out);
    free(f.head);
    free(f.tail);
    return found;
}

static uint64_t place_of(const struct vector *v)
{
    return v->offset < 0 ? FILE_BYTES - (uint64_t)-v->offset
                         : (uint64_t)v->offset;
}

static void put(const struct vector *v, unsigned char all[FILE_BYTES])
{
    memset(all, 0, FILE_BYTES);
    memcpy(all + place_of(v), v->bytes, v->length);
}

Test(container_find, names_each_known_format)
{
    static unsigned char all[FILE_BYTES];
    struct container c;

    for (size_t i = 0; i < VECTORS; i++) {
        put(&vectors[i], all);
        cr_assert(find(all, FILE_BYTES, &c), "%s", vectors[i].name);
        cr_expect(eq(str, c.name, (char *)vectors[i].name));
        cr_expect(c.as_it_is == vectors[i].as_it_is, "%s", c.name);
        cr_expect(strlen(c.advice) > 10, "%s", c.name);
        cr_expect(c.offset == place_of(&vectors[i]) && c.bytes > 2, "%s",
                  c.name);
    }
}

/* Frames that are skipped may be zstd's, as pzstd writes them, and lz4's: what is
 * behind them says it, where that can be seen. */
Test(container_find, looks_behind_frames_that_are_skipped)
{
    static const char zstd[] = "\x28\xb5\x2f\xfd";
    static const struct {
        const char *bytes;
        size_t length;
        bool known;
    } heads[] = {
        {"\x50\x2a\x4d\x18\4\0\0\0\x28\xb5\x2f\xfd", 12, true},
        {"\x51\x2a\x4d\x18\0\0\0\0\x5f\x2a\x4d\x18\1\0\0\0!", 17, true},
        {"\x50\x2a\x4d\x18\xf4\xff\0\0", CONTAINER_HEAD - 4, true},
        {"\x50\x2a\x4d\x18\xf5\xff\0\0", CONTAINER_HEAD - 3, false},
        {"\x50\x2a\x4d\x18\xff\xff\xff\xff", 8, false},
        {"\x50\x2a\x4d\x18\0\0\0\0\x04\x22\x4d\x18", 12, false},
    };
    static unsigned char all[FILE_BYTES];
    struct container c;

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        bool known = heads[i].known;

        memset(all, 0, sizeof all);
        memcpy(all, heads[i].bytes, heads[i].length < 32 ? heads[i].length : 8);
        memcpy(all + heads[i].length, zstd, 4);
        cr_assert(find(all, FILE_BYTES, &c), "%zu", i);
        cr_expect(eq(int, c.kind, known ? CONTAINER_ZSTD : CONTAINER_REFUSED),
                  "%zu", i);
        cr_expect(eq(u64, c.offset, known ? heads[i].length : 0), "%zu", i);
        for (uint64_t n = 4; n < 24; n++) {
            cr_expect(find(all, n, &c), "%zu", i);
        }
    }
}

/* Most files end behind their header in no test, and some do. */
Test(container_find, needs_the_whole_signature)
{
    static unsigned char all[FILE_BYTES];
    struct container c;

    for (size_t i = 0; i < VECTORS; i++) {
        put(&vectors[i], all);
        if (vectors[i].offset >= 0) {
            (void)find(all, place_of(&vectors[i]) + vectors[i].length, &c);
            cr_expect(eq(str, c.name, (char *)vectors[i].name));
        }
        for (size_t n = 0; n < 3; n++) {
            cr_expect(find(all + place_of(&vectors[i]), n, &c) == false, "%s",
                      vectors[i].name);
        }
    }
}

/* A byte of the signature that is another one makes it another file. */
Test(container_find, is_not_led_to_a_name_by_less)
{
    static unsigned char all[FILE_BYTES];
    struct container c;

    for (size_t i = 0; i < VECTORS; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            unsigned char *first = all + place_of(&vectors[i]);

            put(&vectors[i], all);
            first[1] ^= (unsigned char)(1 << bit);
            cr_expect(find(all, FILE_BYTES, &c) == false ||
                          strcmp(c.name, vectors[i].name) != 0,
                      "%s", c.name);
        }
    }
}

/* Memory of machines: empty, the vectors of a PC's interrupts, code, tables. */
Test(container_find, leaves_raw_memory_alone)
{
    static unsigned char all[FILE_BYTES];
    struct container c;

    cr_expect(find(all, FILE_BYTES, &c) == false);
    for (unsigned byte = 0; byte < 256; byte++) {
        memset(all, (int)byte, FILE_BYTES);
        cr_expect(find(all, FILE_BYTES, &c) == false, "%02x: %s", byte, c.name);
    }
    memset(all, 0, FILE_BYTES);
    for (unsigned i = 0; i < 256; i++) {
        memcpy(all + 4 * i, "\x53\xff\x00\xf0", 4);
    }
    cr_expect(find(all, FILE_BYTES, &c) == false);
    memset(all, 0, FILE_BYTES);
    for (unsigned entry = 0; entry < 0x1000; entry++) {
        all[0] = (unsigned char)(entry | 1);
        all[1] = (unsigned char)(entry >> 4 & 0xf0);
        all[2] = (unsigned char)(entry >> 2);
        cr_expect(find(all, FILE_BYTES, &c) == false, "%x: %s", entry, c.name);
    }
    cr_expect(find(all, 0, &c) == false);
}
