// SPDX-License-Identifier: Apache-2.0
//! What a host needs of ptwalk to read memory behind callbacks and to walk one
//! space.  `check_layouts` holds the declarations to the library's own table.
#![allow(non_camel_case_types, dead_code)]

use std::ffi::{c_void, CStr};
use std::os::raw::{c_char, c_uint};

pub type ptw_status = c_uint;
pub const PTW_OK: ptw_status = 0;
pub const PTW_END: ptw_status = 1;
pub const PTW_E_BUS: ptw_status = 6;

pub const PTW_READ: c_uint = 1;
pub const PTW_WRITE: c_uint = 2;
pub const PTW_USER: c_uint = 4;
pub const PTW_EXEC: c_uint = 8;

pub const PTW_ITEM_MAPPING: c_uint = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ptw_pa {
    pub v: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ptw_va {
    pub v: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ptw_root {
    pub regime: *const ptw_regime,
    pub table: ptw_pa,
}

#[repr(C)]
pub struct ptw_region {
    pub first: ptw_pa,
    pub last: ptw_pa,
    pub host: *const c_void,
    pub writable: bool,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ptw_mapping {
    pub pa: ptw_pa,
    pub raw: u64,
    pub rights: c_uint,
    pub level: u8,
    pub size_log2: u8,
    pub above: u8,
}

/// The largest of the members that are not declared here has 72 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub union ptw_item_u {
    pub mapping: ptw_mapping,
    others: [u64; 9],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ptw_item {
    pub kind: c_uint,
    pub space: u32,
    pub first: ptw_va,
    pub last: ptw_va,
    pub u: ptw_item_u,
}

#[repr(C)]
pub struct ptw_walk_options {
    pub first: ptw_va,
    pub last: ptw_va,
    pub max_reads: u64,
    pub max_items: u64,
    pub flags: c_uint,
    pub need: c_uint,
    pub leave_out: *const c_void,
    pub leave_outs: usize,
}

#[repr(C)]
pub struct ptw_mem_ops {
    pub read32: Option<unsafe extern "C" fn(*mut c_void, ptw_pa, *mut u32) -> ptw_status>,
    pub read64: Option<unsafe extern "C" fn(*mut c_void, ptw_pa, *mut u64) -> ptw_status>,
    pub read: Option<unsafe extern "C" fn(*mut c_void, ptw_pa, *mut c_void, usize) -> ptw_status>,
    pub borrow: Option<unsafe extern "C" fn(*mut c_void, ptw_pa, u64) -> *const c_void>,
    pub zeros: Option<unsafe extern "C" fn(*mut c_void, ptw_pa, u64) -> bool>,
    pub write32: Option<unsafe extern "C" fn(*mut c_void, ptw_pa, u32) -> ptw_status>,
    pub write64: Option<unsafe extern "C" fn(*mut c_void, ptw_pa, u64) -> ptw_status>,
}

// The private structs: storage of their size, aligned to 8.
#[repr(C)]
pub struct ptw_regime {
    storage: [u64; 106],
}

#[repr(C)]
pub struct ptw_mem {
    storage: [u64; 13],
}

#[repr(C)]
pub struct ptw_walk {
    storage: [u64; 288],
}

#[repr(C)]
pub struct ptw_layout {
    type_: *const c_char,
    member: *const c_char,
    offset: u32,
    bytes: u32,
    align: u32,
}

#[link(name = "ptwalk")]
extern "C" {
    pub fn ptw_layouts(rows: *mut usize) -> *const ptw_layout;
    pub fn ptw_status_text(st: ptw_status) -> *const c_char;
    pub fn ptw_regime_by_name(
        name: *const c_char,
        cpu: *const c_void,
        without: c_uint,
        out: *mut ptw_regime,
        why: *mut *const c_char,
    ) -> ptw_status;
    pub fn ptw_mem_init_callbacks(
        mem: *mut ptw_mem,
        ops: *const ptw_mem_ops,
        ctx: *mut c_void,
        region: *mut ptw_region,
        count: usize,
    ) -> ptw_status;
    pub fn ptw_walk_everything() -> ptw_walk_options;
    pub fn ptw_virt_to_phys_init(
        walk: *mut ptw_walk,
        mem: *const ptw_mem,
        root: ptw_root,
        options: *const ptw_walk_options,
    ) -> ptw_status;
    pub fn ptw_walk_next(
        walk: *mut ptw_walk,
        item: *mut ptw_item,
        room: usize,
        items: *mut usize,
    ) -> ptw_status;
}

/// Rows of what is declared above, as the library's table has them.
macro_rules! rows {
    ($(struct $type:ident { $($member:ident),* })*) => {
        vec![$(
            (concat!("struct ", stringify!($type)), None, 0,
             std::mem::size_of::<$type>(), std::mem::align_of::<$type>()),
            $({
                let it = std::mem::MaybeUninit::<$type>::uninit();
                let base = it.as_ptr();
                // Only addresses are taken; nothing is read.
                let at = unsafe { std::ptr::addr_of!((*base).$member) };
                (concat!("struct ", stringify!($type)), Some(stringify!($member)),
                 at as usize - base as usize, size_of_pointee(at), 0)
            },)*
        )*]
    };
}

fn size_of_pointee<T>(_: *const T) -> usize {
    std::mem::size_of::<T>()
}

type Row = (&'static str, Option<&'static str>, usize, usize, usize);

fn declared() -> Vec<Row> {
    rows! {
        struct ptw_root { regime, table }
        struct ptw_region { first, last, host, writable }
        struct ptw_mapping { pa, raw, rights, level, size_log2, above }
        struct ptw_item { kind, space, first, last, u }
        struct ptw_walk_options {
            first, last, max_reads, max_items, flags, need, leave_out, leave_outs
        }
        struct ptw_mem_ops { read32, read64, read, borrow, zeros, write32, write64 }
        struct ptw_regime { }
        struct ptw_mem { }
        struct ptw_walk { }
    }
}

/// Compares the declarations with the library: what differs, in words.
pub fn check_layouts() -> Result<usize, String> {
    let mut rows = 0;
    let table = unsafe { std::slice::from_raw_parts(ptw_layouts(&mut rows), rows) };
    let text = |s: *const c_char| unsafe { CStr::from_ptr(s) }.to_str().unwrap_or("?");
    let ours = declared();
    let mut members = 0;

    for (type_, member, offset, bytes, align) in &ours {
        let there = table.iter().find(|row| {
            text(row.type_) == *type_
                && match member {
                    None => row.member.is_null(),
                    Some(name) => !row.member.is_null() && text(row.member) == *name,
                }
        });
        let name = format!("{}.{}", type_, member.unwrap_or(""));
        let row = there.ok_or_else(|| format!("{}: the library has none", name))?;
        let theirs = (row.offset as usize, row.bytes as usize, row.align as usize);
        if theirs != (*offset, *bytes, *align) {
            return Err(format!(
                "{}: offset, size, alignment are {:?} here and {:?} in the library",
                name,
                (offset, bytes, align),
                theirs
            ));
        }
        members += member.is_some() as usize;
    }
    // A struct whose members are declared has all that the library has.
    let whole: Vec<_> = ours.iter().filter(|r| r.1.is_some()).map(|r| r.0).collect();
    let there = table
        .iter()
        .filter(|row| !row.member.is_null() && whole.contains(&text(row.type_)))
        .count();
    if there != members {
        return Err(format!("{} members here, {} in the library", members, there));
    }
    Ok(ours.len())
}
