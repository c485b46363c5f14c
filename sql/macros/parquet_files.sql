{#- The one reader of Parquet: a file, or those of a pattern below a folder.  The path is taken literally: a folder
    named [x] is no pattern, and tract=9813 above a file is no column that wins over the file's own. -#}
{%- macro parquet_files(path, pattern='', union_by_name=false) -%}
{%- if '\\' in path -%}
    {{ exceptions.raise_compiler_error('DuckDB takes the backslash in ' ~ path ~ ' for a slash: name the catalogue by a link.') }}
{%- endif -%}
{%- set folder = path | replace('[', '[[]') | replace('*', '[*]') | replace('?', '[?]') -%}
read_parquet('{{ (folder ~ pattern) | replace("'", "''") }}', hive_partitioning = false
{%- if union_by_name %}, union_by_name = true{% endif %})
{%- endmacro -%}
