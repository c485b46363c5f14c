{#- Objects joined with spectra by object_id: the columns of both, and the landed row of each. -#}
{%- macro met_by_object_id(objects, specz) -%}
select
        {{- name_columns('object', objects) }},
        {{- name_columns('spectrum', specz) }},
        {{ objects }}.landing,
        {{ objects }}.source_file,
        {{ objects }}.source_row,
        {{ specz }}.landing as specz_landing,
        {{ specz }}.source_file as specz_source_file,
        {{ specz }}.source_row as specz_source_row
    from {{ objects }}
    inner join {{ specz }} on {{ objects }}.object_id = {{ specz }}.object_id
{%- endmacro -%}
