// SPDX-License-Identifier: Apache-2.0
//! Prints every leaf of one space: `leaves IMAGE REGIME ROOT`.  See leaves.c.
//!
//! Needs rustc alone: `rustc -L DIRECTORY_OF_LIBPTWALK leaves.rs`.  The memory is
//! a file behind callbacks.
mod ptwalk;

use ptwalk::*;
use std::ffi::{c_void, CStr, CString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::ptr;

unsafe extern "C" fn read64(ctx: *mut c_void, pa: ptw_pa, out: *mut u64) -> ptw_status {
    let mut bytes = [0; 8];

    match (*(ctx as *const File)).read_exact_at(&mut bytes, pa.v) {
        Ok(()) => {
            *out = u64::from_le_bytes(bytes);
            PTW_OK
        }
        Err(_) => PTW_E_BUS,
    }
}

fn check(st: ptw_status, what: &str) -> Result<(), String> {
    if st == PTW_OK {
        return Ok(());
    }
    let text = unsafe { CStr::from_ptr(ptw_status_text(st)) };
    Err(format!("{}: {}", what, text.to_string_lossy()))
}

fn print_leaves(path: &str, name: &str, table: u64) -> Result<(), String> {
    let file = File::open(path).map_err(|e| format!("{}: {}", path, e))?;
    let ops = ptw_mem_ops {
        read32: None,
        read64: Some(read64),
        read: None,
        borrow: None,
        zeros: None,
        write32: None,
        write64: None,
    };
    let c_name = CString::new(name).map_err(|e| e.to_string())?;
    let mut out = BufWriter::new(io::stdout());
    let mut regime = MaybeUninit::uninit();
    let mut mem = MaybeUninit::uninit();
    let mut walk = MaybeUninit::uninit();
    let mut item = [MaybeUninit::<ptw_item>::uninit(); 64];

    // The library keeps the addresses of all of these until the walk is over.
    unsafe {
        let ctx = &file as *const File as *mut c_void;
        let mut st =
            ptw_mem_init_callbacks(mem.as_mut_ptr(), &ops, ctx, ptr::null_mut(), 0);
        check(st, path)?;
        st = ptw_regime_by_name(
            c_name.as_ptr(),
            ptr::null(),
            0,
            regime.as_mut_ptr(),
            ptr::null_mut(),
        );
        check(st, name)?;
        let root = ptw_root { regime: regime.as_ptr(), table: ptw_pa { v: table } };
        let options = ptw_walk_everything();
        check(ptw_virt_to_phys_init(walk.as_mut_ptr(), mem.as_ptr(), root, &options), "root")?;
        loop {
            let mut items = 0;
            st = ptw_walk_next(walk.as_mut_ptr(), item[0].as_mut_ptr(), item.len(), &mut items);
            if st != PTW_OK {
                break;
            }
            for one in &item[..items] {
                let one = one.assume_init_ref();
                if one.kind != PTW_ITEM_MAPPING {
                    continue;
                }
                let m = one.u.mapping;
                let letter = |right, c| if m.rights & right != 0 { c } else { '-' };
                writeln!(
                    out,
                    "{:016x} {:x} {:x} {} {} {} {}",
                    one.first.v,
                    m.pa.v,
                    1u64 << m.size_log2,
                    letter(PTW_READ, 'r'),
                    letter(PTW_WRITE, 'w'),
                    letter(PTW_EXEC, 'x'),
                    letter(PTW_USER, 'u')
                )
                .map_err(|e| e.to_string())?;
            }
        }
        if st != PTW_END {
            check(st, path)?;
        }
    }
    out.flush().map_err(|e| e.to_string())
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let table = args.get(3).and_then(|a| u64::from_str_radix(a, 16).ok());

    let done = check_layouts().and_then(|_| match (args.len(), table) {
        (4, Some(table)) => print_leaves(&args[1], &args[2], table),
        _ => {
            eprintln!("usage: leaves IMAGE REGIME ROOT");
            std::process::exit(2);
        }
    });
    if let Err(why) = done {
        eprintln!("leaves: {}", why);
        std::process::exit(3);
    }
}
