"""XML robot files: safe parsing with line numbers, typed attributes, mesh files kept inside allowed folders."""
