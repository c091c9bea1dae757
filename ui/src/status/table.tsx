// Names and their values.

export function NameValueTable({ rows, mono }: { rows: [string, string][]; mono?: boolean }) {
  return (
    <table class={mono ? "pairs mono" : "pairs"}>
      <tbody>
        {rows.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
