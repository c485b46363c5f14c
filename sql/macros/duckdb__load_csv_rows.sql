{#- A seed's rows in one statement of bound values.
    dbt-duckdb's own macro asks for the sign of each value by itself, and that took a third of a small build. -#}
{%- macro duckdb__load_csv_rows(model, agate_table) -%}
{%- set columns = agate_table.column_names -%}
{%- set row_of_marks = '(' ~ (['?'] * (columns | length)) | join(', ') ~ ')' -%}
{%- set bindings = [] -%}
{%- for row in adapter.convert_datetimes_to_strs(agate_table).rows %}{% do bindings.extend(row) %}{% endfor -%}
{%- set sql -%}
insert into {{ this.render() }} ({{ get_seed_column_quoted_csv(model, columns) }}) values
{{ ([row_of_marks] * (agate_table.rows | length)) | join(', ') }}
{%- endset -%}
{%- do adapter.add_query(sql, bindings=bindings, abridge_sql_log=True) -%}
{{ return(sql) }}
{%- endmacro -%}
