{#- Read Parquet: one file, or those that match a pattern below a folder.  The path is taken literally: a folder
    named [x] is not a pattern, and a folder named tract=9813 does not replace the file's column tract. -#}
{%- macro parquet_files(path, pattern='', union_by_name=false) -%}
read_parquet({{ literal_path(path, pattern) }}, hive_partitioning = false
{%- if union_by_name %}, union_by_name = true{% endif %})
{%- endmacro -%}
