/* SPDX-License-Identifier: Apache-2.0 */
#include "container.h"

#include <stdio.h>
#include <string.h>

/* --------------------------------------------------------------- signatures */

static const char layerwriter[] =
    "make it raw ('vol -f FILE layerwriter' of Volatility 3)";
static const char a_disk[] = "it has a disk, not memory";
static const char crash_reads_it[] =
    "its pages are packed; dump them unpacked (makedumpfile -E, or virsh dump "
    "--memory-only --format elf)";
static const char decompress[] = "decompress it first";
static const char unpack[] = "unpack it first";
static const char s390_tool[] = "make an ELF core of it (zgetdump -f elf)";
static const char hibernation_tool[] =
    "it is compressed; make it raw (hibr2bin)";
static const char vmware_file[] = "vmss2core makes a core of it";
static const char macho_file[] =
    "give each segment of 'otool -l' that is memory as "
    "--segment PA:LENGTH:OFFSET";
static const char old_dump[] = "crash(8) reads it";
static const char freebsd_dump[] =
    "with the sysctl debug.minidump=0 the dump is an ELF core";
static const char bsd_dump[] =
    "give each segment of memory in its header as --segment PA:LENGTH:OFFSET";
static const char elf_core[] =
    "give each LOAD of 'readelf -lW' as --segment PhysAddr:FileSiz:Offset";
static const char not_memory[] = "the memory of a machine is not in it";
static const char layout[] = "it says where memory lies in files, and is none";
static const char manifest[] = "it says what an image is, and is none";
static const char other_text[] =
    "it was cut off, or is a list of roots (--roots) or of a newer version";
static const char a_text[] = "save it as UTF-8";
static const char swap_space[] = "it has swapped pages, in any order";

/* Bytes at `offset` of the file; from the end when that is negative.  Where
 * second is not NULL, these bytes too. */
struct signature {
    const char *name;
    const char *advice;
    const char *bytes;
    const char *second;
    int32_t offset;
    uint16_t second_offset;
    uint8_t length;
    uint8_t second_length;
    uint8_t any;   /* bits of the first byte that may be anything */
    bool as_it_is; /* see struct container */
    enum container_kind kind;
};

/* A string with its length: signatures have zeros in them. */
#define BYTES(text) .bytes = (text), .length = sizeof(text) - 1
#define SECOND(at, text)                                                       \
    .second_offset = (at), .second = (text), .second_length = sizeof(text) - 1
#define AS_IT_IS      .as_it_is = true
#define READ_AS(what) .kind = CONTAINER_##what

static const struct signature signatures[] = {
    /* Dumps of memory. */
    {"a layout", layout, BYTES(LAYOUT_FIRST_LINE), READ_AS(LAYOUT)},
    {"a manifest", manifest, BYTES(MANIFEST_FIRST_LINE), READ_AS(MANIFEST)},
    {"a layout", layout, BYTES(UTF8_MARK LAYOUT_FIRST_LINE), READ_AS(LAYOUT)},
    {"a manifest", manifest, BYTES(UTF8_MARK MANIFEST_FIRST_LINE),
     READ_AS(MANIFEST)},
    {"a text of ptwalk's in UTF-16", a_text,
     BYTES("\xff\xfe#\0 \0p\0t\0w\0a\0l\0k\0")},
    {"a text of ptwalk's in UTF-16", a_text,
     BYTES("\xfe\xff\0#\0 \0p\0t\0w\0a\0l\0k")},
    {"a text of ptwalk's, and no layout or manifest", other_text,
     BYTES("# ptwalk ")},
    {"a text of ptwalk's, and no layout or manifest", other_text,
     BYTES(UTF8_MARK "# ptwalk ")},
    {"a LiME file",
     "give each range as --segment START:LENGTH:OFFSET, with the offset behind "
     "its header of 32 bytes, or capture with format=padded",
     BYTES("EMiL"), AS_IT_IS, READ_AS(LIME)},
    {"an AVML file",
     "it is compressed; make it raw (avml-convert --format raw)", BYTES("AVML"),
     READ_AS(AVML)},
    {"a compressed kdump", crash_reads_it, BYTES("KDUMP   "), READ_AS(KDUMP)},
    {"a diskdump", crash_reads_it, BYTES("DISKDUMP")},
    {"a flattened dump of makedumpfile",
     "put it in order first (makedumpfile -R OUT <FILE)",
     BYTES("makedumpfile\0\0\0\0"), READ_AS(FLATTENED)},
    {"a dump of sadump", old_dump, BYTES("sadump\0\0")},
    {"a dump of LKCD", old_dump, BYTES("\xed\x23\x8f\x61\x73\x01\x19\xa8")},
    {"a dump of LKCD", old_dump, BYTES("\xa8\x19\x01\x73\x61\x8f\x23\xed")},
    {"a live dump of LKCD", old_dump,
     BYTES("\xcd\x23\x8f\x61\x73\x01\x19\xa8")},
    {"an s390 dump", s390_tool, BYTES("\xa8\x19\x01\x73\x61\x8f\x23\xfd"),
     AS_IT_IS},
    {"an extended s390 dump", s390_tool,
     BYTES("\xa8\x19\x01\x73\x61\x8f\x23\xfe")},
    {"a Windows crash dump, 64-bit", layerwriter, BYTES("PAGEDU64"), AS_IT_IS,
     READ_AS(WINDOWS)},
    {"a Windows crash dump, 32-bit", layerwriter, BYTES("PAGEDUMP"), AS_IT_IS,
     READ_AS(WINDOWS)},
    {"a minidump", not_memory, BYTES("MDMP\x93\xa7")},
    {"a Windows hibernation file", hibernation_tool, BYTES("HIBR")},
    {"a Windows hibernation file", hibernation_tool, BYTES("hibr")},
    {"a Windows hibernation file", hibernation_tool, BYTES("WAKE")},
    {"a Windows hibernation file", hibernation_tool, BYTES("wake")},
    {"a Windows hibernation file", hibernation_tool, BYTES("RSTR")},
    {"a Windows hibernation file", hibernation_tool, BYTES("rstr")},
    {"a HPAK file", layerwriter, BYTES("HPAK"), AS_IT_IS},
    {"a TuxOnIce image", swap_space, BYTES("\xed\xc3\x02\xe9\x98\x56\xe5\x0c")},
    {"a FreeBSD minidump", freebsd_dump, BYTES("minidump FreeBSD/")},
    {"a FreeBSD kernel dump", freebsd_dump, BYTES("FreeBSD Kernel Dump")},
    {"an illumos crash dump", old_dump, BYTES("\xed\xc8\xfe\xde")},
    {"a Solaris crash dump", old_dump, BYTES("\xde\xfe\xc8\xed")},
    {"a BSD crash dump, x86-64", bsd_dump, BYTES("\x04\x9d\x8f\xca"), AS_IT_IS},
    {"a BSD crash dump, i386", bsd_dump, BYTES("\x04\x86\x8f\xca"), AS_IT_IS},
    {"a Mach-O core, 64-bit", macho_file, BYTES("\xcf\xfa\xed\xfe"),
     SECOND(12, "\4\0\0\0"), AS_IT_IS},
    {"a Mach-O core, 32-bit", macho_file, BYTES("\xce\xfa\xed\xfe"),
     SECOND(12, "\4\0\0\0"), AS_IT_IS},
    {"a Mach-O core, 64-bit, big-endian", macho_file, BYTES("\xfe\xed\xfa\xcf"),
     SECOND(12, "\0\0\0\4"), AS_IT_IS},
    {"a Mach-O core, 32-bit, big-endian", macho_file, BYTES("\xfe\xed\xfa\xce"),
     SECOND(12, "\0\0\0\4"), AS_IT_IS},
    {"a Mach-O file that is no core", not_memory, BYTES("\xcf\xfa\xed\xfe")},
    {"a Mach-O file that is no core", not_memory, BYTES("\xce\xfa\xed\xfe")},
    {"a Mach-O file that is no core", not_memory, BYTES("\xfe\xed\xfa\xcf")},
    {"a Mach-O file that is no core", not_memory, BYTES("\xfe\xed\xfa\xce")},

    /* Machines that were saved. */
    {"a VMware saved state", vmware_file, BYTES("\xd0\xbe\xd2\xbe"), AS_IT_IS,
     READ_AS(VMWARE)},
    {"a VMware saved state", vmware_file, BYTES("\xd1\xba\xd1\xba"), AS_IT_IS,
     READ_AS(VMWARE)},
    {"a VMware saved state", vmware_file, BYTES("\xd2\xbe\xd2\xbe"), AS_IT_IS,
     READ_AS(VMWARE)},
    {"a VMware saved state", vmware_file, BYTES("\xd3\xbe\xd3\xbe"), AS_IT_IS,
     READ_AS(VMWARE)},
    {"a VMware saved state", vmware_file, BYTES("\xd2\xba\xd2\xba"), AS_IT_IS,
     READ_AS(VMWARE)},
    {"a VMware saved state of the old kind",
     "resume and suspend it with a newer version", BYTES("\xd0\xbe\xd0\xbe")},
    {"a VirtualBox saved state",
     "start it again and make an ELF core (VBoxManage debugvm NAME dumpvmcore "
     "--filename=FILE)",
     BYTES("\x7fVirtualBox SavedState V")},
    {"a QEMU saved state",
     "load it again, and make an ELF core (dump-guest-memory FILE in the "
     "monitor)",
     BYTES("QEVM")},
    {"a libvirt saved domain",
     "make an ELF core (virsh dump --memory-only --format elf)",
     BYTES("LibvirtQemudSave")},
    {"a libvirt domain that is not saved in full",
     "make an ELF core (virsh dump --memory-only --format elf)",
     BYTES("LibvirtQemudPart")},
    {"a Xen saved domain", "make an ELF core (xl dump-core)",
     BYTES("Xen saved domain, xl format\n")},
    {"a Xen saved domain", "make an ELF core (xl dump-core)",
     BYTES("LinuxGuestRecord")},
    {"a Xen saved domain", "make an ELF core (xl dump-core)",
     BYTES("XenSavedDomain\n")},
    {"a Xen saved domain", "make an ELF core (xl dump-core)",
     BYTES("libvirt-xml\n \0 \r")},
    {"a Xen migration stream", "make an ELF core (xl dump-core)",
     BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"
           "XENF")},
    {"an old Xen core", "make an ELF core (xl dump-core)",
     BYTES("\xed\xeb\x0f\xf0"), AS_IT_IS},
    {"an old Xen core", "make an ELF core (xl dump-core)",
     BYTES("\xee\xeb\x0f\xf0"), AS_IT_IS},
    {"a Hyper-V saved state",
     "make a Windows crash dump of it (windbg -z FILE, then .dump /f DUMP)",
     BYTES("\x14\x20\x28\x01"), AS_IT_IS},
    {"a Proxmox backup", "unpack it first (vma extract)", BYTES("VMA\0")},

    /* Disks. */
    {"a VHDX image", a_disk, BYTES("vhdxfile")},
    {"a VHD image", a_disk, BYTES("conectix")},
    {"a VHD image", a_disk, BYTES("conectix"), .offset = -512},
    {"a qcow image", a_disk, BYTES("QFI\xfb")},
    {"a QED image", a_disk, BYTES("QED\0")},
    {"a VMDK image", a_disk, BYTES("KDMV")},
    {"a VMDK image", a_disk, BYTES("COWD")},
    {"a VMDK descriptor", a_disk, BYTES("# Disk DescriptorFile")},
    {"a VDI image", a_disk, BYTES("\x7f\x10\xda\xbe"), .offset = 0x40},
    {"a Parallels image", a_disk, BYTES("WithoutFreeSpace")},
    {"a Parallels image", a_disk, BYTES("WithouFreSpacExt")},
    {"an Apple disk image", a_disk, BYTES("koly"), .offset = -512},
    {"an encrypted disk", a_disk, BYTES("LUKS\xba\xbe")},

    /* Evidence. */
    {"an EWF image", "make it raw (ewfexport -f raw)",
     BYTES("EVF\x09\x0d\x0a\xff\0")},
    {"an EWF image", "make it raw (ewfexport -f raw)",
     BYTES("LVF\x09\x0d\x0a\xff\0")},
    {"an EWF image, version 2", "make it raw (ewfexport -f raw)",
     BYTES("EVF2\x0d\x0a\x81\0")},
    {"an EWF image, version 2", "make it raw (ewfexport -f raw)",
     BYTES("LEF2\x0d\x0a\x81\0")},
    {"an AFF image", "make it raw (affcat)", BYTES("AFF10\x0d\x0a\0")},

    /* What is compressed or packed. */
    {"compressed by gzip", "decompress it first (gzip -d)",
     BYTES("\x1f\x8b\x08"), READ_AS(GZIP)},
    {"compressed by zstd", "decompress it first (zstd -d)",
     BYTES("\x28\xb5\x2f\xfd"), READ_AS(ZSTD)},
    {"compressed by zstd or lz4", decompress, BYTES("\x50\x2a\x4d\x18"),
     .any = 0x0f},
    {"compressed by xz", "decompress it first (xz -d)",
     BYTES("\xfd"
           "7zXZ\0")},
    {"compressed by lzma", "decompress it first (xz -d)", BYTES("\x5d\0\0"),
     SECOND(5, "\xff\xff\xff\xff\xff\xff\xff\xff")},
    {"compressed by LZFSE", decompress, BYTES("bvx2")},
    {"compressed by LZFSE", decompress, BYTES("bvxn")},
    {"compressed by bzip2", "decompress it first (bzip2 -d)", BYTES("BZh"),
     SECOND(4, "1AY&SY")},
    {"compressed by bzip2", "decompress it first (bzip2 -d)", BYTES("BZh"),
     SECOND(4, "\x17rE8P\x90")},
    {"compressed by lz4", "decompress it first (lz4 -d)",
     BYTES("\x04\x22\x4d\x18")},
    {"compressed by lz4", "decompress it first (lz4 -d)",
     BYTES("\x02\x21\x4c\x18")},
    {"compressed by snappy", decompress, BYTES("\xff\x06\0\0sNaPpY")},
    {"compressed by lzip", "decompress it first (lzip -d)", BYTES("LZIP")},
    {"compressed by lzop", "decompress it first (lzop -d)",
     BYTES("\x89LZO\0\x0d\x0a\x1a\x0a")},
    {"compressed by lrzip", "decompress it first (lrzip -d)", BYTES("LRZI")},
    {"compressed by compress", "decompress it first (gzip -d)",
     BYTES("\x1f\x9d\x90")},
    {"a zip archive", "unpack it first (unzip); AFF4 images are such archives",
     BYTES("PK\x03\x04")},
    {"a zip archive", "unpack it first (unzip)", BYTES("PK\x05\x06")},
    {"a zip archive in parts", "put it together first (zip -s 0)",
     BYTES("PK\x07\x08PK\x03\x04")},
    {"a zip archive in parts", "put it together first (zip -s 0)",
     BYTES("PK00PK\x03\x04")},
    {"a 7z archive", "unpack it first (7z x)", BYTES("7z\xbc\xaf\x27\x1c")},
    {"a rar archive", "unpack it first (unrar x)", BYTES("Rar!\x1a\x07")},
    {"a cabinet", unpack, BYTES("MSCF\0\0\0\0")},
    {"a tar archive", "unpack it first (tar -x)", BYTES("ustar"),
     .offset = 257},
    {"a cpio archive", "unpack it first (cpio -i)", BYTES("070701")},
    {"a cpio archive", "unpack it first (cpio -i)", BYTES("070702")},
    {"a cpio archive", "unpack it first (cpio -i)", BYTES("070707")},
    {"an ar archive", "unpack it first (ar x)", BYTES("!<arch>\n")},
    {"a WIM archive", "unpack it first (wimlib-imagex extract)",
     BYTES("MSWIM\0\0\0")},
    {"an xar archive", "unpack it first (xar -x)", BYTES("xar!\0\x1c\0\1")},
    {"encrypted by OpenSSL", "decrypt it first (openssl enc -d)",
     BYTES("Salted__")},
    {"encrypted by age", "decrypt it first (age -d)",
     BYTES("age-encryption.org/v1")},
    {"an Android sparse image", "unpack it first (simg2img)",
     BYTES("\x3a\xff\x26\xed")},
};

enum { SIGNATURES = sizeof signatures / sizeof signatures[0] };

static bool same_bytes(const char *want, unsigned length, unsigned char any,
                       const unsigned char *at)
{
    unsigned first = (unsigned char)want[0];

    return ((first ^ at[0]) & ~(unsigned)any & 0xff) == 0 &&
           memcmp(want + 1, at + 1, length - 1) == 0;
}

/* Whether the signature is in the first n bytes, at head, or the last ones. */
static bool matches(const struct signature *s, const unsigned char *head,
                    size_t n, const unsigned char *tail, size_t tail_n)
{
    if (s->offset < 0) {
        size_t back = (size_t)-s->offset;

        return back <= tail_n &&
               same_bytes(s->bytes, s->length, s->any, tail + (tail_n - back));
    }
    if ((size_t)s->offset + s->length > n ||
        !same_bytes(s->bytes, s->length, s->any, head + s->offset)) {
        return false;
    }
    return s->second == NULL ||
           ((size_t)s->second_offset + s->second_length <= n &&
            same_bytes(s->second, s->second_length, 0,
                       head + s->second_offset));
}

/* --------------------------------------------------------------------- ELF */

/* System V ABI, "ELF Header": e_ident, and e_type behind it. */
/* Says what was found, and of which bytes that follows; true. */
static bool found(struct container *out, const char *name, const char *advice,
                  uint64_t offset, uint64_t bytes)
{
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    out->advice = advice;
    out->kind = CONTAINER_REFUSED;
    out->as_it_is = false;
    out->offset = offset;
    out->bytes = bytes;
    return true;
}

static bool find_elf(const unsigned char *head, size_t n, struct container *out)
{
    static const char magic[] = "\x7f"
                                "ELF";
    enum { CLASS = 4, DATA = 5, TYPE = 16, TYPE_END = 18, CORE = 4 };
    const char *class = "";
    const char *data = "";
    char name[sizeof out->name];
    bool core = false;

    if (n < sizeof magic - 1 || memcmp(head, magic, sizeof magic - 1) != 0) {
        return false;
    }
    if (n >= TYPE_END) {
        bool big = head[DATA] == 2;

        class = head[CLASS] == 1   ? ", 32-bit"
                : head[CLASS] == 2 ? ", 64-bit"
                                   : "";
        data = head[DATA] == 1 ? ", little-endian" : big ? ", big-endian" : "";
        core = head[TYPE + (big ? 1 : 0)] == CORE &&
               head[TYPE + (big ? 0 : 1)] == 0;
    }
    (void)snprintf(name, sizeof name, "an ELF %s%s%s",
                   core ? "core" : "file that is no core", class, data);
    (void)found(out, name, core ? elf_core : not_memory, 0,
                n < TYPE_END ? n : TYPE_END);
    out->kind = core ? CONTAINER_ELF_CORE : CONTAINER_REFUSED;
    out->as_it_is = core;
    return true;
}

/* -------------------------------------------------------------------- swap */

/* The end of the first page, as long as the pages of the machine were. */
static bool find_swap(const unsigned char *head, size_t n,
                      struct container *out)
{
    enum { LENGTH = 10, LEAST = 4096 };
    static const struct {
        const char *name;
        const char *bytes;
        size_t length;
    } ends[] = {
        {"a Linux hibernation image", "S1SUSPEND", 9},
        {"a Linux hibernation image", "S2SUSPEND", 9},
        {"a Linux hibernation image", "ULSUSPEND", 9},
        {"a Linux hibernation image", "LINHIB0001", LENGTH},
        {"a swap space", "SWAPSPACE2", LENGTH},
        {"a swap space", "SWAP-SPACE", LENGTH},
    };

    for (size_t page = LEAST; page <= n; page *= 2) {
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            if (memcmp(head + page - LENGTH, ends[i].bytes, ends[i].length) ==
                0) {
                return found(out, ends[i].name, swap_space, page - LENGTH,
                             ends[i].length);
            }
        }
    }
    return false;
}

/* -------------------------------------------------------------------- lzma */

/* LZMA SDK, "lzma-specification": properties, size of the dictionary, size of
 * what is packed, and the first byte of the coder, which is 0.  That size is
 * known here; the table has the files that leave it open. */
static bool find_lzma(const unsigned char *head, size_t n, uint64_t file_bytes,
                      struct container *out)
{
    enum { DICTIONARY = 1, SIZE = 5, CODER = 13 };
    uint32_t dictionary = 0;
    uint64_t size = 0;
    uint32_t low;

    if (n <= CODER || head[0] != 0x5d || head[CODER] != 0) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        dictionary |= (uint32_t)head[DICTIONARY + i] << (8 * i);
    }
    for (unsigned i = 0; i < 8; i++) {
        size |= (uint64_t)head[SIZE + i] << (8 * i);
    }
    /* Dictionaries have a power of two, or one and a half. */
    low = dictionary & (0 - dictionary);
    if (dictionary < 1 << 16 || (dictionary != low && dictionary / 3 != low) ||
        size < file_bytes / 2 || size >> 50 != 0) {
        return false;
    }
    return found(out, "compressed by lzma", "decompress it first (xz -d)", 0,
                 CODER + 1);
}

/* -------------------------------------------------------------------- zstd */

/* How many bytes of frames there are that a reader skips, from the beginning on: a
 * magic number, and 4 bytes with the length of what follows (RFC 8878, "Skippable
 * Frames").  pzstd writes one in front of each of its own. */
static size_t skipped_bytes(const unsigned char *head, size_t n)
{
    enum { FRAME_HEAD = 8 };
    size_t at = 0;

    while (n - at >= FRAME_HEAD &&
           same_bytes("\x50\x2a\x4d\x18", 4, 0x0f, head + at)) {
        uint32_t bytes = 0;

        for (unsigned i = 0; i < 4; i++) {
            bytes |= (uint32_t)head[at + 4 + i] << (8 * i);
        }
        if (bytes > n - at - FRAME_HEAD) {
            return 0;
        }
        at += FRAME_HEAD + bytes;
    }
    return at;
}

/* Such frames are zstd's and lz4's alike: what follows them says whose. */
static bool find_zstd(const unsigned char *head, size_t n,
                      struct container *out)
{
    size_t at = skipped_bytes(head, n);

    for (size_t i = 0; i < SIGNATURES; i++) {
        const struct signature *s = &signatures[i];

        if (at > 0 && s->kind == CONTAINER_ZSTD &&
            matches(s, head + at, n - at, NULL, 0)) {
            (void)found(out, s->name, s->advice, at, s->length);
            out->kind = s->kind;
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------- result */

bool container_find(const unsigned char *head, const unsigned char *tail,
                    uint64_t file_bytes, struct container *out)
{
    size_t n =
        file_bytes < CONTAINER_HEAD ? (size_t)file_bytes : CONTAINER_HEAD;
    size_t tail_n =
        file_bytes < CONTAINER_TAIL ? (size_t)file_bytes : CONTAINER_TAIL;

    if (find_elf(head, n, out) || find_swap(head, n, out) ||
        find_lzma(head, n, file_bytes, out) || find_zstd(head, n, out)) {
        return true;
    }
    for (size_t i = 0; i < SIGNATURES; i++) {
        const struct signature *s = &signatures[i];

        if (matches(s, head, n, tail, tail_n)) {
            (void)found(out, s->name, s->advice,
                        s->offset < 0 ? file_bytes - (uint64_t)-s->offset
                                      : (uint64_t)s->offset,
                        s->length);
            out->as_it_is = s->as_it_is;
            out->kind = s->kind;
            return true;
        }
    }
    return false;
}
